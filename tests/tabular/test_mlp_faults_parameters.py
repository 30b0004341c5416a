"""Bad parameters: one sentence each, before anything is touched."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skdeep import MLPClassifier, MLPRegressor
from skdeep.exceptions import (
    DeviceNotAvailableError,
    NetworkError,
    SkdeepError,
)
from tests.naming import shown

ESTIMATORS = [MLPClassifier, MLPRegressor]
NAN, INF = float("nan"), float("inf")

# Wrong kinds, both sides of each range, and what is nearly right.
BAD_VALUES: dict[str, list[Any]] = {
    "hidden_layer_sizes": [
        0,
        -1,
        2.5,
        True,
        "8",
        None,
        (8, 0),
        [8, "8"],
        {8},
        np.array(8),
        np.array([[8]]),
        10**12,
        ((8, 8),),
    ],
    "n_hidden_layers": [-1, 1.0, "2", (2,)],
    "activation": [
        "Relu",
        "",
        3,
        None,
        ["relu", "no"],
        ["relu", None],
        {"relu"},
        np.array("relu"),
        b"relu",
    ],
    "normalization": ["Batch", "instance", True, 1],
    "dropout": [1.0, 1.5, -0.1, NAN, "0.5", None, True, [0.1, 1.0], np.array(0.5)],
    "residual": [1, "yes", None],
    "l1": [-1e-9, NAN, INF, "1", None],
    "l2": [-1e-9, NAN, INF, "1", None],
    "weight_decay": [-1e-9, NAN, INF, "1", None],
    "label_smoothing": [1.0, -0.1, NAN, None],
    "max_grad_norm": [0.0, -1.0, NAN, INF, "1"],
    "weight_averaging": ["mean", "EMA", True, 0.9],
    "loss": ["mse", "log_loss", None, torch.nn.MSELoss(), int, 3, ["focal"]],
    "focal_gamma": [-0.1, NAN, INF, "2", None],
    "class_weight": ["Balanced", 3, [1, 2], ((0, 1),)],
    "quantile": [0.0, 1.0, -0.5, NAN, None],
    "huber_delta": [0.0, -1.0, NAN, INF, None],
    "optimizer": [
        "Adam",
        "l-bfgs",
        None,
        int,
        torch.optim.lr_scheduler.StepLR,
        {"adam"},
    ],
    "learning_rate": [0.0, -1e-3, NAN, INF, "1e-3", None],
    "momentum": [1.0, -0.1, NAN, "0.9", None],
    "nesterov": [1, "no", None],
    "betas": [
        0.9,
        (0.9,),
        (0.9, 0.99, 0.999),
        (0.9, 1.0),
        (-0.1, 0.9),
        (NAN, 0.9),
        "ab",
        None,
    ],
    "optimizer_params": [[("eps", 1e-7)], "eps=1", 3],
    "lr_schedule": ["linear", "Cosine", 3, True],
    "warmup_fraction": [1.0, -0.1, NAN, None],
    "batch_size": [0, -1, 2.0, "full", None],
    "max_epochs": [0, -1, 2.0, "10", None],
    "shuffle": [1, "yes", None],
    "early_stopping": [1, "Auto", None],
    "validation_fraction": [0.0, 1.0, -0.1, 1.5, NAN, 1, None],
    "scoring": [3, ["accuracy"], True],
    "n_iter_no_change": [0, -1, 2.5, None],
    "tol": [-1e-9, NAN, INF, "1e-4"],
    "feature_scaling": ["minmax", True, 1],
    "target_scaling": ["minmax", True, 1],
    "warm_start": [1, "yes", None],
    "random_state": [-1, 2**32, 1.5, "0", torch.Generator()],
    "device": [0, None, ["cpu"]],
    "dtype": ["double", np.float64, torch.float32, None],
    "precision": ["fp16", 16, None],
    "n_threads": [0, -1, 2.0, "all"],
    "compile": [1, "yes", None],
    "callbacks": [
        3,
        "EpochTimer",
        [3],
        ["EpochTimer"],
        [("timer", 3)],
        [None],
        [torch.nn.ReLU()],
        {"timer": None},
    ],
    "verbose": [-1, "yes", None, 0.5],
}
CASES = [
    pytest.param(kind, name, value, id=f"{kind.__name__}-{name}-{shown(value)}"[:60])
    for kind in ESTIMATORS
    for name, values in BAD_VALUES.items()
    for value in values
    if name in kind().get_params()
]


def table() -> tuple[np.ndarray, np.ndarray]:
    """Return 20 rows of 3 features and a binary target."""
    X = np.random.default_rng(0).standard_normal((20, 3))
    return X, (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_every_parameter_has_bad_values(kind):
    """The table above leaves no parameter out, and knows none that is gone."""
    own = set(kind().get_params())
    assert own <= set(BAD_VALUES)
    assert set(BAD_VALUES) == {
        *MLPClassifier().get_params(),
        *MLPRegressor().get_params(),
    }


@pytest.mark.parametrize(("kind", "name", "value"), CASES)
def test_bad_value_gives_the_sentence_of_scikit_learn(kind, name, value):
    """The sentence names parameter and estimator and shows the value."""
    X, y = table()
    estimator = kind().set_params(**{name: value})
    before = dict(vars(estimator))
    sentence = f"^The '{name}' parameter of {kind.__name__} must be "
    with pytest.raises(ValueError, match=sentence) as caught:
        estimator.fit(X, y)
    assert str(caught.value).endswith(f". Got {value!r} instead.")
    assert vars(estimator) == before
    first = {"classes": [0, 1]} if kind is MLPClassifier else {}
    # scikit-learn's InvalidParameterError is both of these.
    with pytest.raises(TypeError, match=sentence):
        estimator.partial_fit(X, y, **first)
    assert vars(estimator) == before


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_bad_value_after_a_fit_is_found_too(kind):
    """What set_params brought is checked by fit and by a later partial_fit."""
    X, y = table()
    estimator = kind(max_epochs=1).fit(X, y).set_params(dropout=1.5)
    sentence = f"The 'dropout' parameter of {kind.__name__} must be .* Got 1.5 instead"
    with pytest.raises(ValueError, match=sentence):
        estimator.fit(X, y)
    with pytest.raises(ValueError, match=sentence):
        estimator.partial_fit(X, y)


# Each is fine by itself, but not along with the others.
CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    (
        {"hidden_layer_sizes": (4, 4), "activation": ["relu"]},
        (
            r"'activation' parameter must be one value, or one for each hidden layer: "
            r"expected 2 values, got 1 in \['relu'\]"
        ),
    ),
    (
        {"hidden_layer_sizes": (4, 4), "dropout": (0.1, 0.2, 0.3)},
        r"'dropout' parameter must be .* expected 2 values, got 3 in \(0.1, 0.2, 0.3\)",
    ),
    (
        {"hidden_layer_sizes": 4, "n_hidden_layers": 3, "activation": ["relu", "tanh"]},
        "'activation' parameter must be .* expected 3 values, got 2",
    ),
    (
        {"hidden_layer_sizes": (), "dropout": [0.1]},
        "'dropout' parameter must be .* expected 0 values, got 1",
    ),
    (
        {"hidden_layer_sizes": (4, 5), "n_hidden_layers": 2},
        r"'n_hidden_layers' parameter repeats a single width .* Got 2 and \(4, 5\)",
    ),
    (
        {"optimizer": "lbfgs", "weight_decay": 0.1},
        r"no decoupled weight decay with optimizer='lbfgs'. Got weight_decay=0.1. Use",
    ),
    (
        {"optimizer_params": {"epsilon": 1e-7}},
        (
            "'optimizer_params' parameter must hold arguments of Adam. Got 'epsilon'. "
            "Choose from .*eps"
        ),
    ),
    (
        {"optimizer": "sgd", "optimizer_params": {"betas": (0.9, 0.9)}},
        "'optimizer_params' parameter must hold arguments of SGD. Got 'betas'",
    ),
    ({"optimizer_params": {1: 2}}, "must hold arguments of Adam. Got 1. Choose"),
    (
        {"optimizer_params": {"eps": -1.0}},
        r"Adam refused its arguments .*Invalid epsilon value: -1.0. Correct 'optimizer",
    ),
    ({"optimizer_params": {"lr": "fast"}}, "Adam refused its arguments .*'lr': 'fast'"),
    (
        {"optimizer_params": {"fused": True, "foreach": True}},
        "Adam refused its arguments .*cannot be `True` together",
    ),
    ({"optimizer": torch.optim.Optimizer}, "Optimizer refused its arguments"),
    ({"scoring": "exactness"}, "'exactness' is not a valid scoring value"),
    (
        {"scoring": "exactness", "early_stopping": True},
        "'exactness' is not a valid scoring value",
    ),
    (
        {"scoring": lambda *_: None, "early_stopping": True},
        "'scoring' parameter of MLP.* must return a number. Got None",
    ),
    (
        {"scoring": lambda *_: "good", "early_stopping": True},
        "'scoring' parameter of MLP.* must return a number. Got 'good'",
    ),
    ({"loss": torch.nn.NLLLoss, "activation": int}, "'activation' parameter must be"),
]


@pytest.mark.parametrize(
    ("params", "sentence"),
    CONTRADICTIONS,
    ids=[shown(c[0])[:60] for c in CONTRADICTIONS],
)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_parameters_that_contradict_each_other(kind, params, sentence):
    """A ValueError or TypeError says which ones and leaves no trace."""
    X, y = table()
    estimator = kind(max_epochs=2, **params)
    before = dict(vars(estimator))
    with pytest.raises((ValueError, TypeError), match=sentence) as caught:
        estimator.fit(X, y)
    assert not isinstance(caught.value, SkdeepError)
    assert vars(estimator) == before


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("cuda:3", "^device='cuda:3' was asked for, but this process sees: .*cpu. Use"),
        (torch.device("cuda", 7), "^device='cuda:7' was asked for, but this process"),
        ("xla", "^device='xla' was asked for, but this process sees: .*cpu. Use"),
        ("meta", "^device='meta' was asked for, but this process sees: .*cpu. Use"),
        ("nonsense", "^device='nonsense' names no device. Use device='auto' or one of"),
        ("", "^device='' names no device. Use device='auto' or one of: .*cpu"),
        ("cuda:-1", "^device='cuda:-1' names no device. Use"),
    ],
)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_absent_device_is_named_with_those_that_are_there(kind, device, sentence):
    """The error is a ValueError and tells what can be had instead."""
    X, y = table()
    estimator = kind(device=device)
    before = dict(vars(estimator))
    with pytest.raises(DeviceNotAvailableError, match=sentence) as caught:
        estimator.fit(X, y)
    assert isinstance(caught.value, ValueError)
    assert vars(estimator) == before


def one_column(x: torch.Tensor) -> torch.Tensor:
    """Lose all columns but one."""
    return x[:, :1]


def nothing(x: torch.Tensor) -> None:
    """Return no tensor."""


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"activation": one_column}, "mat1 and mat2 shapes cannot be multiplied"),
        ({"activation": nothing}, "must be Tensor, not NoneType"),
        ({"activation": torch.nn.GLU}, "mat1 and mat2 shapes cannot be multiplied"),
        ({"loss": torch.nn.CTCLoss}, "missing 2 required positional arguments"),
        ({"loss": torch.nn.ReLU}, r"takes 2 positional arguments but 3 were given"),
    ],
    ids=shown,
)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_foreign_code_that_fails_is_reported_with_its_place(kind, params, reason):
    """What torch says is the end of a sentence on epoch, batch and device."""
    X, y = table()
    estimator = kind(**params)
    before = dict(vars(estimator))
    sentence = (
        f"^The network of {kind.__name__} failed in epoch 1, batch 1, X of shape "
        rf"\(20, 3\), .* on cpu: .*{reason}"
    )
    with pytest.raises(NetworkError, match=sentence) as caught:
        estimator.fit(X, y)
    assert caught.value.__cause__ is not None
    assert vars(estimator) == before


@pytest.mark.parametrize(
    ("params", "error", "reason"),
    [
        ({"optimizer": torch.optim.SparseAdam}, RuntimeError, "dense gradients"),
        ({"optimizer_params": {"differentiable": True}}, RuntimeError, "in-place"),
        ({"optimizer_params": {"capturable": True}}, AssertionError, "supported dev"),
    ],
    ids=shown,
)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_optimizer_that_fails_says_so_itself(kind, params, error, reason):
    """Its error is not the network's; a note names epoch, batch and device."""
    X, y = table()
    estimator = kind(**params)
    before = dict(vars(estimator))
    with pytest.raises(error, match=reason) as caught:
        estimator.fit(X, y)
    assert not isinstance(caught.value, NetworkError)
    (note,) = caught.value.__notes__
    assert note.startswith("in epoch 1, batch 1, X of shape (20, 3)")
    assert note.endswith("on cpu")
    assert vars(estimator) == before


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_network_too_large_for_the_memory_is_reported(kind):
    """Terabytes of weights end in an error of ours, not in torch's C++ trace."""
    X, y = table()
    sentence = (
        f"^The network of {kind.__name__} failed: it could not be built: .*allocate"
    )
    with pytest.raises(NetworkError, match=sentence) as caught:
        kind(hidden_layer_sizes=(10**7, 10**7)).fit(X, y)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ({5: 1.0}, r"must name labels that occur in y. Got 5, but y has the classes"),
        ({"a": 1.0}, r"must name labels that occur in y. Got 'a'"),
        ({0: -1.0}, r"must map labels to finite weights of at least 0. Got \{0: -1.0"),
        ({0: NAN}, r"must map labels to finite weights of at least 0. Got \{0: nan\}"),
        ({0: INF}, r"must map labels to finite weights of at least 0. Got \{0: inf\}"),
        ({0: "a"}, r"must map labels to finite weights of at least 0. Got \{0: 'a'\}"),
        ({0: None}, r"must map labels to finite weights of at least 0. Got \{0: None"),
    ],
    ids=shown,
)
def test_bad_class_weights(weights, sentence):
    """Unknown labels and impossible weights are shown."""
    X, y = table()
    full = f"The 'class_weight' parameter of MLPClassifier {sentence}"
    with pytest.raises(ValueError, match=full):
        MLPClassifier(class_weight=weights).fit(X, y)


def test_class_weights_that_leave_no_row():
    """Weights of zero for all classes, or for all validation rows, are an error."""
    X, y = table()
    sentence = "needs a row with a weight above zero. Got none after multiplying"
    with pytest.raises(ValueError, match=sentence):
        MLPClassifier(class_weight={0: 0.0, 1: 0.0}).fit(X, y)
    with pytest.raises(ValueError, match=sentence):
        MLPClassifier(class_weight={0: 0.0}).fit(X, y, X_val=X[y == 0], y_val=y[y == 0])
    with pytest.raises(ValueError, match=r"'class_weight' parameter .* one class"):
        MLPClassifier(class_weight="balanced").fit(X, np.column_stack([y, 1 - y]))


def test_predict_does_not_ask_the_parameters_of_a_later_fit():
    """Bad values that a refused fit left behind do not spoil what is fitted."""
    X, y = table()
    estimator = MLPRegressor((5,), max_epochs=2, random_state=0).fit(X, y)
    expected = estimator.predict(X)
    for name, values in BAD_VALUES.items():
        if name not in estimator.get_params() or name == "n_threads":
            continue
        changed = clone(estimator)
        vars(changed).update(vars(estimator))
        changed.set_params(**{name: values[0]})
        np.testing.assert_array_equal(changed.predict(X), expected, err_msg=name)
    estimator.set_params(n_threads=0)
    with pytest.raises(ValueError, match=re.escape("'n_threads' parameter must be an")):
        estimator.predict(X)
