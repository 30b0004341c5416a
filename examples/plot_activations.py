"""
Activation functions, and gradients that vanish
===============================================

All activation functions that skdeep knows by name, with their slopes, and what the
slopes do to a network of eight hidden layers on handwritten digits. Ten seconds on one
CPU core.
"""

# %%
# Shapes and slopes
# -----------------
# A gradient on its way back through a layer is multiplied by the slopes of the
# activation function. The slope of the sigmoid is a quarter at most. That of relu is
# one wherever a neuron is active, and zero elsewhere.

from __future__ import annotations

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeep import ActivationDisplay, MLPClassifier, forward_pass

ActivationDisplay.from_names(["sigmoid", "tanh", "relu", "gelu"])

# %%
# All of them, one by one: the function as a line, its slope as dashes. "logistic" is
# another name of "sigmoid".

everything = ActivationDisplay.from_names()
plt.close(everything.figure_)
figure, axes = plt.subplots(
    3, 4, figsize=(9.5, 6.5), sharex=True, sharey=True, layout="constrained"
)
for ax, name in zip(axes.flat, everything.values, strict=True):
    ax.axhline(0.0, color="#333333", linewidth=0.6)
    ax.axvline(0.0, color="#333333", linewidth=0.6)
    ax.plot(everything.x, everything.values[name], color="#0072B2", label="function")
    ax.plot(everything.x, everything.slopes[name], "--", color="#E69F00", label="slope")
    ax.set(ylim=(-2.0, 2.5), title=name)
    ax.spines[["top", "right"]].set_visible(False)
axes[0, 0].legend(frameon=False, fontsize="small", loc="lower right")

# %%
# Gradients in a deep network
# ---------------------------
# Eight hidden layers of 32 neurons. A training of one epoch at a rate of nearly zero
# leaves the initial weights as they are; what their gradient is torch says.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)
DEEP = {"hidden_layer_sizes": 32, "n_hidden_layers": 8, "random_state": 0}


def gradient_norms(**params: object) -> list[float]:
    """Return the length of the loss's gradient for the weights of each layer."""
    network = MLPClassifier(**DEEP, **params, max_epochs=1, learning_rate=1e-12)
    network.fit(X_train, y_train)
    scaled = forward_pass(network, X_train)["scaled inputs"]
    logits = network.module_.train()(torch.as_tensor(scaled, dtype=torch.float32))
    loss = torch.nn.functional.cross_entropy(logits, torch.as_tensor(y_train))
    # Of the parameters of a normalization none is a matrix.
    matrices = [weight for weight in network.module_.parameters() if weight.ndim == 2]
    return [float(gradient.norm()) for gradient in torch.autograd.grad(loss, matrices)]


settings = {
    "sigmoid": {"activation": "sigmoid"},
    "sigmoid, batch normalization": {
        "activation": "sigmoid",
        "normalization": "batch",
    },
    "tanh": {"activation": "tanh"},
    "relu": {"activation": "relu"},
    "gelu": {"activation": "gelu"},
}
norms = {name: gradient_norms(**params) for name, params in settings.items()}
for name, of_layers in norms.items():
    print(f"{name:30} first layer {of_layers[0]:.1e}  last layer {of_layers[-1]:.1e}")

# %%
# With the sigmoid each layer further from the output has a gradient about six times
# smaller. The first layer gets less than a millionth of what the last one gets, and
# learns nothing. Batch normalization puts the sums of every neuron back to where the
# sigmoid is steep.

styles = {
    "sigmoid": {"color": "#D55E00"},
    "sigmoid, batch normalization": {"color": "#D55E00", "linestyle": "--"},
    "tanh": {"color": "#009E73"},
    "relu": {"color": "#0072B2"},
    "gelu": {"color": "#CC79A7"},
}
figure, (before, training) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for name, params in settings.items():
    network = MLPClassifier(**DEEP, **params, max_epochs=30, tol=None)
    network.fit(X_train, y_train)
    accuracy = network.score(X_test, y_test)
    print(f"{name:30} more than 85 % of the test digits right: {accuracy > 0.85}")
    before.semilogy(range(1, 10), norms[name], marker="o", label=name, **styles[name])
    training.plot(range(1, 31), network.loss_curve_, **styles[name])
before.set(xlabel="layer, from the input", ylabel="length of the gradient")
before.set_title("Before training")
training.set(xlabel="epoch", ylabel="training loss", title="Training")
figure.legend(loc="outside lower center", ncols=5, frameon=False)
for ax in (before, training):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()
