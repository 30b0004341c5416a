"""Tests that the parameters of the perceptrons' network shape the network."""

import numpy as np
import pytest
import torch
from scipy.special import erf, expit, softmax
from skorch.callbacks import Callback
from torch import nn

from skdeep import MLPClassifier, MLPRegressor

# Each activation by its formula, none of them torch's.
FORMULAS = {
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": expit,
    "logistic": expit,
    "tanh": np.tanh,
    "identity": lambda z: z,
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(z)),
    "selu": lambda z: (
        1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z))
    ),
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    "silu": lambda z: z * expit(z),
    "mish": lambda z: z * np.tanh(np.log1p(np.exp(z))),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "hardswish": lambda z: z * np.clip(z + 3, 0, 6) / 6,
}


class Swish(nn.Module):
    """A foreign activation with a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.beta = nn.Parameter(torch.tensor([2.0]))

    def forward(self, x):
        """Return x times the sigmoid of beta times x."""
        return x * torch.sigmoid(self.beta * x)


class TrainingOutputs(Callback):
    """Hand every output of a training or validation batch to functions."""

    def __init__(self, on_training, on_validation):
        self.on_training = on_training
        self.on_validation = on_validation

    def on_batch_end(self, net, batch=None, training=None, y_pred=None, **kwargs):
        """Pass the outputs on."""
        to = self.on_training if training else self.on_validation
        to(y_pred.detach().clone().numpy())


def _classes(n=60, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, (np.abs(X[:, 0] + X[:, 1]) * 1.2).astype(int).clip(0, n_classes - 1)


def _standardised(X, like):
    return (X - like.mean(axis=0)) / like.std(axis=0)


def _forward(model, Z, *activations):
    """Return raw outputs of the coefficients, in plain numpy."""
    for W, b, activation in zip(
        model.coefs_[:-1], model.intercepts_[:-1], activations, strict=True
    ):
        Z = FORMULAS[activation](Z @ W + b)
    return Z @ model.coefs_[-1] + model.intercepts_[-1]


@pytest.mark.parametrize("activation", FORMULAS)
def test_activation_by_name_gives_the_probabilities_of_its_formula(activation):
    """`predict_proba` is a softmax over numpy's forward pass of the coefficients."""
    X, y = _classes()
    model = MLPClassifier((7, 5), activation=activation, max_epochs=3, random_state=0)
    model.set_params(dtype="float64", learning_rate=0.05).fit(X, y)
    logits = _forward(model, _standardised(X, X), activation, activation)
    np.testing.assert_allclose(
        model.predict_proba(X), softmax(logits, axis=1), rtol=1e-10
    )
    np.testing.assert_array_equal(model.predict(X), logits.argmax(axis=1))


@pytest.mark.parametrize("activation", FORMULAS)
def test_activation_by_name_gives_the_numbers_of_its_formula(activation):
    """`predict` is numpy's forward pass, taken back to the units of the target."""
    X, _ = _classes()
    y = 100 + 7 * X[:, 0]
    model = MLPRegressor((6,), activation=activation, max_epochs=3, random_state=0)
    model.fit(X, y)
    output = _forward(model, _standardised(X, X), activation)[:, 0]
    np.testing.assert_allclose(model.predict(X), y.mean() + y.std() * output, rtol=1e-9)


@pytest.mark.parametrize("kind", ["binary", "multilabel"])
def test_probabilities_without_softmax_follow_from_coefficients(kind):
    """One logit stands for two classes, and labels have a logistic unit each."""
    X, y = _classes()
    target = y > 0 if kind == "binary" else np.column_stack([y > 0, y > 1]).astype(int)
    model = MLPClassifier((5,), max_epochs=3, random_state=0).fit(X, target)
    p = expit(_forward(model, _standardised(X, X), "relu"))
    expected = np.hstack([1 - p, p]) if kind == "binary" else p
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-10)
    label = p[:, 0] > 0.5 if kind == "binary" else (p > 0.5).astype(int)
    np.testing.assert_array_equal(model.predict(X), label)


@pytest.mark.parametrize(
    ("activation", "same_as"),
    [
        (nn.Tanh, "tanh"),
        (nn.Tanh(), "tanh"),
        (torch.tanh, "tanh"),
        (["tanh", "tanh"], "tanh"),
        (np.array(["tanh", "tanh"]), "tanh"),
        (("tanh", nn.ReLU), ("tanh", "relu")),
    ],
    ids=["class", "module", "function", "list", "ndarray", "mixed"],
)
def test_activation_by_any_spelling_is_the_same_network(activation, same_as):
    """Names, classes, modules, functions and sequences mean the same."""
    X, y = _classes()
    model = MLPClassifier((5, 4), max_epochs=3, random_state=0)
    first = model.set_params(activation=activation).fit(X, y).predict_proba(X)
    second = model.set_params(activation=same_as).fit(X, y).predict_proba(X)
    # Gradients of a function come from autograd, which rounds otherwise.
    np.testing.assert_allclose(first, second, rtol=1e-10)


def test_activation_for_each_layer_is_used_in_order():
    """The first name is the first hidden layer's."""
    X, y = _classes()
    model = MLPClassifier((5, 4), activation=["tanh", "softplus"], max_epochs=2)
    model.set_params(random_state=0).fit(X, y)
    Z = _standardised(X, X)
    logits = _forward(model, Z, "tanh", "softplus")
    np.testing.assert_allclose(model.predict_proba(X), softmax(logits, axis=1))
    swapped = softmax(_forward(model, Z, "softplus", "tanh"), axis=1)
    assert np.abs(model.predict_proba(X) - swapped).max() > 1e-3


def test_activation_with_parameters_of_its_own_is_trained_along():
    """A foreign module's parameters move, and each layer has its own."""
    X, y = _classes()
    model = MLPClassifier(
        (5, 4), activation=Swish, learning_rate=0.1, max_epochs=5, random_state=0
    ).fit(X, y)
    betas = [m.beta.item() for m in model.module_.modules() if isinstance(m, Swish)]
    assert len(betas) == 2
    assert betas[0] != betas[1]
    assert all(abs(beta - 2.0) > 0.01 for beta in betas)


@pytest.mark.parametrize(
    ("parameter", "value"), [("activation", ["relu"]), ("dropout", [0.1, 0.2, 0.3])]
)
def test_sequence_of_another_length_than_the_layers_is_refused(parameter, value):
    """One value a hidden layer means just that."""
    X, y = _classes()
    model = MLPClassifier((5, 4), **{parameter: value})
    with pytest.raises(ValueError, match=f"'{parameter}'.*expected 2 values, got"):
        model.fit(X, y)


@pytest.mark.parametrize(
    ("sizes", "count", "shapes"),
    [
        (6, None, [(4, 6), (6, 3)]),
        ((6,), None, [(4, 6), (6, 3)]),
        ((6, 2), None, [(4, 6), (6, 2), (2, 3)]),
        ([6, 2], None, [(4, 6), (6, 2), (2, 3)]),
        (np.array([6, 2]), None, [(4, 6), (6, 2), (2, 3)]),
        (np.int64(6), None, [(4, 6), (6, 3)]),
        ((), None, [(4, 3)]),
        (6, 3, [(4, 6), (6, 6), (6, 6), (6, 3)]),
        ((6,), 2, [(4, 6), (6, 6), (6, 3)]),
        (6, 0, [(4, 3)]),
    ],
    ids=str,
)
def test_hidden_layer_sizes_set_the_shapes(sizes, count, shapes):
    """Every spelling of the widths gives the matrices it names."""
    X, y = _classes()
    model = MLPClassifier(sizes, n_hidden_layers=count, max_epochs=1, random_state=0)
    model.fit(X, y)
    assert [W.shape for W in model.coefs_] == shapes
    assert [b.shape for b in model.intercepts_] == [(n,) for _, n in shapes]
    assert model.n_layers_ == len(shapes) + 1


def test_n_hidden_layers_repeats_one_width_only():
    """Several widths cannot be repeated."""
    X, y = _classes()
    model = MLPClassifier((5, 4), n_hidden_layers=2)
    with pytest.raises(ValueError, match="'n_hidden_layers' parameter repeats a sing"):
        model.fit(X, y)


def test_empty_hidden_layers_fit_a_linear_model():
    """Without hidden layers squared error finds the least-squares solution."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    y = X @ [1.0, -2.0, 0.5] + 3 + 0.1 * rng.normal(size=50)
    model = MLPRegressor((), optimizer="lbfgs", l2=0, max_epochs=50, tol=None)
    model.set_params(optimizer_params={"tolerance_change": 0.0}, random_state=0)
    model.fit(X, y)
    A = np.column_stack([np.ones(50), X])
    expected = A @ np.linalg.lstsq(A, y, rcond=None)[0]
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-6)


def test_dropout_changes_training_outputs_only():
    """At a vanishing rate training outputs scatter around the steady prediction."""
    X, y = _classes(n=40, n_classes=2)
    training: list[np.ndarray] = []
    validation: list[np.ndarray] = []
    model = MLPClassifier(
        (64,),
        dropout=0.5,
        optimizer="sgd",
        learning_rate=1e-300,
        max_epochs=200,
        tol=None,
        random_state=0,
        callbacks=[TrainingOutputs(training.append, validation.append)],
    ).fit(X, y, X_val=X, y_val=y)
    scattered, steady = np.stack(training), np.stack(validation)
    assert scattered.std(axis=0).min() > 0.05
    np.testing.assert_array_equal(steady, np.broadcast_to(steady[0], steady.shape))
    expected = np.log(model.predict_proba(X)[:, 1:] / model.predict_proba(X)[:, :1])
    np.testing.assert_allclose(steady[0], expected, rtol=1e-9)
    # Inverted dropout is right on average: within five standard errors.
    error = scattered.std(axis=0).max() / np.sqrt(len(scattered))
    np.testing.assert_allclose(scattered.mean(axis=0), expected, atol=5 * error)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("p", [0.2, 0.8])
def test_dropout_drops_its_share(p):
    """The spread of a training output is that of a sum of dropped neurons."""
    X, y = _classes(n=40, n_classes=2)
    outputs: list[np.ndarray] = []
    model = MLPRegressor(
        (64,),
        dropout=p,
        optimizer="sgd",
        learning_rate=1e-300,
        max_epochs=400,
        tol=None,
        random_state=0,
        callbacks=[TrainingOutputs(outputs.append, outputs.append)],
    ).fit(X, y)
    hidden = np.maximum(_standardised(X, X) @ model.coefs_[0] + model.intercepts_[0], 0)
    # Each neuron is h / (1 - p) with probability 1 - p, else zero.
    variance = (hidden**2 @ model.coefs_[1] ** 2) * p / (1 - p)
    ratio = np.stack(outputs).var(axis=0) / variance
    assert ratio.mean() == pytest.approx(1.0, abs=0.06)


def test_dropout_for_each_layer_is_its_own():
    """A zero leaves its layer alone; one number stands for all layers."""
    X, y = _classes()
    model = MLPClassifier((5, 4), max_epochs=2, random_state=0)

    def probabilities(dropout):
        return model.set_params(dropout=dropout).fit(X, y).predict_proba(X)

    np.testing.assert_array_equal(probabilities(0.4), probabilities((0.4, 0.4)))
    np.testing.assert_array_equal(probabilities(0.0), probabilities((0.0, 0.0)))
    first, second = probabilities((0.4, 0.0)), probabilities((0.0, 0.4))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, probabilities(0.0))


def test_layer_normalization_normalises_each_row():
    """The prediction is numpy's, with every row's neurons put to scale."""
    X, y = _classes()
    model = MLPClassifier(
        (6, 5), normalization="layer", learning_rate=0.05, max_epochs=5, random_state=0
    ).fit(X, y)
    norms = [m for m in model.module_.modules() if isinstance(m, nn.LayerNorm)]
    Z = _standardised(X, X)
    for W, b, norm in zip(
        model.coefs_[:-1], model.intercepts_[:-1], norms, strict=True
    ):
        Z = Z @ W + b
        Z = Z - Z.mean(axis=1, keepdims=True)
        Z = Z / np.sqrt((Z**2).mean(axis=1, keepdims=True) + 1e-5)
        Z = np.maximum(Z * norm.weight.detach().numpy() + norm.bias.detach().numpy(), 0)
    logits = Z @ model.coefs_[-1] + model.intercepts_[-1]
    np.testing.assert_allclose(model.predict_proba(X), softmax(logits, axis=1))
    assert not np.allclose(norms[0].weight.detach(), 1.0)


def test_batch_normalization_trains_by_batch_and_predicts_by_running_statistics():
    """After one full batch the running mean is a tenth of the batch's."""
    X, y = _classes()
    model = MLPClassifier((6,), normalization="batch", optimizer="sgd", max_epochs=1)
    model.set_params(learning_rate=1e-300, random_state=0).fit(X, y)
    (norm,) = [m for m in model.module_.modules() if isinstance(m, nn.BatchNorm1d)]
    Z = _standardised(X, X) @ model.coefs_[0] + model.intercepts_[0]
    mean, variance = (
        norm.state_dict()[f"running_{of}"].numpy() for of in ("mean", "var")
    )
    np.testing.assert_allclose(mean, 0.1 * Z.mean(axis=0))
    np.testing.assert_allclose(variance, 0.9 + 0.1 * Z.var(axis=0, ddof=1))
    Z = (Z - mean) / np.sqrt(variance + 1e-5)
    logits = np.maximum(Z, 0) @ model.coefs_[1] + model.intercepts_[1]
    np.testing.assert_allclose(model.predict_proba(X), softmax(logits, axis=1))
    np.testing.assert_allclose(
        model.predict_proba(X[:1]), model.predict_proba(X)[:1], rtol=1e-12
    )


def test_residual_adds_the_input_where_the_widths_agree():
    """Of widths 4 -> 4 -> 6 -> 6 the first and the third layer have a shortcut."""
    X, y = _classes()
    model = MLPClassifier((4, 6, 6), residual=True, max_epochs=3, random_state=0)
    model.fit(X, y)
    W, b = model.coefs_, model.intercepts_
    Z = _standardised(X, X)
    Z = Z + np.maximum(Z @ W[0] + b[0], 0)
    Z = np.maximum(Z @ W[1] + b[1], 0)
    Z = Z + np.maximum(Z @ W[2] + b[2], 0)
    expected = softmax(Z @ W[3] + b[3], axis=1)
    np.testing.assert_allclose(model.predict_proba(X), expected)
    plain = softmax(_forward(model, _standardised(X, X), *["relu"] * 3), axis=1)
    assert np.abs(plain - expected).max() > 1e-3
