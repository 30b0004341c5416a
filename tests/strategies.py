"""Hypothesis strategies: parameters, tables and targets, good and bad ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from sklearn.metrics import get_scorer_names

from skdeep import MLPClassifier

pd = pytest.importorskip("pandas")

_NAMES = ["relu", "logistic", "tanh", "leaky_relu", "selu", "gelu", "mish", "softplus"]
_ACTIVATIONS = st.sampled_from([*_NAMES, torch.nn.RReLU, torch.sin])
_RATES = st.floats(0.0, 0.9)
_STRENGTHS = st.one_of(st.just(0.0), st.floats(1e-6, 0.1))

# Of each parameter a range in which a training of a few epochs stays finite.
_SHARED: dict[str, SearchStrategy[Any]] = {
    "normalization": st.sampled_from([None, "batch", "layer"]),
    "residual": st.booleans(),
    "l1": _STRENGTHS,
    "l2": _STRENGTHS,
    "weight_decay": _STRENGTHS,
    "max_grad_norm": st.one_of(st.none(), st.floats(1e-3, 10.0)),
    "weight_averaging": st.sampled_from([None, "ema", "swa"]),
    "optimizer": st.sampled_from(
        [
            "sgd",
            "adam",
            "adamw",
            "nadam",
            "radam",
            "rmsprop",
            "adagrad",
            "lbfgs",
            torch.optim.Adamax,
        ]
    ),
    "learning_rate": st.floats(1e-5, 1e-2),
    "momentum": st.floats(0.0, 0.95),
    "nesterov": st.booleans(),
    "betas": st.tuples(st.floats(0.0, 0.95), st.floats(0.5, 0.999)),
    "lr_schedule": st.sampled_from(
        [
            None,
            "constant",
            "step",
            "exponential",
            "cosine",
            "one_cycle",
            "plateau",
            "coslog",
        ]
    ),
    "warmup_fraction": st.floats(0.0, 0.5),
    "batch_size": st.one_of(st.just("auto"), st.integers(1, 60)),
    "shuffle": st.booleans(),
    "early_stopping": st.sampled_from([False, True, "auto"]),
    "validation_fraction": st.floats(0.05, 0.5),
    "n_iter_no_change": st.integers(1, 3),
    "tol": st.one_of(st.none(), st.floats(0.0, 0.1)),
    "feature_scaling": st.sampled_from(["standard", None]),
    "warm_start": st.booleans(),
    "dtype": st.sampled_from(["auto", "float32", "float64"]),
    "n_threads": st.sampled_from(["auto", 1, None]),
}
_OF_CLASSIFIERS: dict[str, SearchStrategy[Any]] = {
    "label_smoothing": st.floats(0.0, 0.5),
    "loss": st.sampled_from(["cross_entropy", "focal"]),
    "focal_gamma": st.floats(0.0, 4.0),
}
_OF_REGRESSORS: dict[str, SearchStrategy[Any]] = {
    "loss": st.sampled_from(
        ["squared_error", "absolute_error", "huber", "quantile", torch.nn.MSELoss]
    ),
    "quantile": st.floats(0.05, 0.95),
    "huber_delta": st.floats(0.1, 5.0),
    "target_scaling": st.sampled_from(["standard", None]),
}


@st.composite
def parameters(draw: DrawFn, kind: type) -> dict[str, Any]:
    """Draw parameters of an estimator that are valid together."""
    own = _OF_CLASSIFIERS if kind is MLPClassifier else _OF_REGRESSORS
    params = draw(st.fixed_dictionaries({}, optional={**_SHARED, **own}))
    widths = draw(st.lists(st.integers(1, 6), max_size=3))
    params["hidden_layer_sizes"] = draw(st.sampled_from([tuple(widths), widths]))
    n_layers = len(widths)
    if draw(st.booleans()):
        n_layers = draw(st.integers(0, 3))
        params.update(hidden_layer_sizes=4, n_hidden_layers=n_layers)
    for name, values in (("activation", _ACTIVATIONS), ("dropout", _RATES)):
        each = st.lists(values, min_size=n_layers, max_size=n_layers)
        params[name] = draw(st.one_of(values, each))
    params["max_epochs"] = draw(st.integers(1, 3))
    params["random_state"] = draw(st.integers(0, 2**32 - 1))
    if params.get("optimizer") == "lbfgs":
        params.update(weight_decay=0.0, max_grad_norm=None)
    return params


@st.composite
def arrays(draw: DrawFn, min_rows: int = 2, max_rows: int = 30) -> np.ndarray:
    """Draw a table of float64: scattered, shifted, coarse, sparse or half constant."""
    n_rows = draw(st.integers(min_rows, max_rows))
    n_columns = draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.standard_normal((n_rows, n_columns))
    sort = draw(st.sampled_from(["plain", "shifted", "coarse", "sparse", "constant"]))
    if sort == "shifted":
        X = X * 10.0 ** rng.integers(-3, 4, n_columns) + 1000 * rng.standard_normal()
    elif sort == "coarse":
        X = np.round(X)
    elif sort == "sparse":
        X[rng.random(X.shape) < 0.7] = 0.0
    elif sort == "constant":
        X[:, rng.integers(n_columns)] = 3.0
    return X


FORMS = {
    "float64": np.asarray,
    "float32": lambda X: X.astype(np.float32),
    "float16": lambda X: X.astype(np.float16),
    "integers": lambda X: np.round(10 * X).astype(np.int64),
    "list": lambda X: X.tolist(),
    "Fortran": np.asfortranarray,
    "view": lambda X: np.repeat(X, 2, axis=0)[::-2],
    "read-only": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
    "frame": lambda X: pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])]),
    "csr": sp.csr_array,
    "csc": sp.csc_matrix,
}


@st.composite
def labels(draw: DrawFn, n_rows: int) -> np.ndarray:
    """Draw labels of any type and number, or an indicator."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    codes = rng.integers(0, draw(st.integers(1, 5)), n_rows)
    sorts: list[np.ndarray] = [
        codes,
        codes - 2,
        codes > 0,
        codes.astype(np.float64),
        np.array(["ant", "bee", "cat", "dog", "elk"])[codes],
        np.array(["ant", "bee", "cat", "dog", "elk"], dtype=object)[codes],
    ]
    if n_rows > 1:
        indicator = rng.integers(0, 2, (n_rows, 3))
        # scikit-learn tells an indicator by its two values.
        indicator[0], indicator[1] = 0, 1
        sorts.append(indicator)
    return draw(st.sampled_from(sorts))


@st.composite
def numbers(draw: DrawFn, n_rows: int) -> np.ndarray:
    """Draw one number a row or several, scattered, whole, large or all the same."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.standard_normal(n_rows)
    sorts = [
        values,
        values.astype(np.float32),
        np.round(values).astype(np.int64),
        values > 0,
        1e6 + 1e3 * values,
        np.full(n_rows, 7.0),
        rng.standard_normal((n_rows, 3)),
    ]
    return draw(st.sampled_from(sorts))


def targets(kind: type, n_rows: int) -> SearchStrategy[np.ndarray]:
    """Draw targets that suit an estimator."""
    return labels(n_rows) if kind is MLPClassifier else numbers(n_rows)


# Values that few parameters take.
JUNK: SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=6),
    st.integers(-3, 3),
    st.integers(min_value=10**10, max_value=10**40),
    st.floats(allow_nan=True, allow_infinity=True),
    st.complex_numbers(),
    st.binary(max_size=3),
    st.lists(st.one_of(st.integers(-2, 2), st.text(max_size=2), st.none()), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers(-2, 2), max_size=2),
    st.sets(st.integers(0, 3), max_size=2),
    st.builds(object),
    st.sampled_from(
        [
            int,
            len,
            print,
            np.array(1.0),
            np.array([[1]]),
            np.nan,
            torch.zeros(2),
            torch.nn.Linear,
            torch.nn.ReLU(),
            torch.nn.L1Loss,
            torch.float16,
            torch.optim.SGD,
            range(2),
            lambda: None,
            np.int64(2),
            np.float32(0.5),
        ]
    ),
)
# What a parameter might well be given, and may or may not work.
_FIGURES = st.one_of(
    st.booleans(), st.floats(-1.0, 2.0), st.none(), st.text(max_size=2)
)
_OPTIMIZER_ARGUMENTS = [
    "lr",
    "eps",
    "betas",
    "rho",
    "momentum",
    "weight_decay",
    "amsgrad",
    "maximize",
    "foreach",
    "fused",
    "capturable",
    "differentiable",
    "nesterov",
    "params",
    "lr_decay",
]
_LIKELY: dict[str, SearchStrategy[Any]] = {
    "hidden_layer_sizes": st.lists(st.integers(0, 300), max_size=4).map(tuple),
    "activation": st.sampled_from(
        [
            getattr(torch.nn.modules.activation, name)
            for name in torch.nn.modules.activation.__all__
        ]
    ),
    "loss": st.sampled_from(
        [getattr(torch.nn.modules.loss, name) for name in torch.nn.modules.loss.__all__]
    ),
    "optimizer": st.sampled_from(
        [value for value in vars(torch.optim).values() if isinstance(value, type)]
    ),
    "optimizer_params": st.dictionaries(
        st.sampled_from(_OPTIMIZER_ARGUMENTS), _FIGURES, max_size=2
    ),
    "class_weight": st.dictionaries(
        st.sampled_from([0, 1, 2, "a"]), _FIGURES, max_size=2
    ),
    "scoring": st.sampled_from(get_scorer_names()),
    "learning_rate": st.floats(1e-300, 1e300),
    "l1": st.floats(0.0, 1e300),
    "l2": st.floats(0.0, 1e300),
    "weight_decay": st.floats(0.0, 1e300),
    "max_grad_norm": st.floats(1e-300, 1e300),
    "device": st.sampled_from(["cpu:0", "cuda", "cuda:1", "mps", "meta", "vulkan", ""]),
    "early_stopping": st.just(True),
}
# Accepted, these keep a machine busy or say something, which is right, but no test.
_COSTLY = {"max_epochs", "verbose", "compile", "n_threads"}


@st.composite
def spoiled_parameters(draw: DrawFn, kind: type) -> dict[str, Any]:
    """Draw an arbitrary value, or a likely one, for one or two parameters."""
    names = sorted(set(kind().get_params()) - _COSTLY)
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    likely = draw(st.booleans())
    return {name: draw(_LIKELY.get(name, JUNK) if likely else JUNK) for name in chosen}


def _entry(array: np.ndarray, value: Any) -> np.ndarray:
    spoiled = np.array(array, dtype=object if isinstance(value, (str, list)) else None)
    spoiled = spoiled.astype(np.result_type(spoiled, np.min_scalar_type(value)))
    spoiled.flat[spoiled.size // 2] = value
    return spoiled


# What makes a good table a bad one, whatever it holds.
_SPOIL_X = {
    "NaN": lambda X: _entry(X, np.nan),
    "infinity": lambda X: _entry(X, -np.inf),
    "a word": lambda X: _entry(X, "word"),
    "a list inside": lambda X: _entry(X, [1, 2]),
    "complex": lambda X: X + 1j,
    "dates": lambda X: X.astype("M8[s]"),
    "a row less": lambda X: X[:-1],
    "no row": lambda X: X[:0],
    "no column": lambda X: X[:, :0],
    "one axis": np.ravel,
    "three axes": lambda X: X[:, :, np.newaxis],
    "ragged": lambda X: [*X.tolist()[:-1], [1.0] * 99],
    "a number": lambda X: 3.0,
    "None": lambda X: None,
    "a text": lambda X: "table",
    "a mapping": lambda X: {"X": X},
    "sparse NaN": lambda X: sp.csr_array(_entry(X, np.nan)),
    "frame of words": lambda X: pd.DataFrame(_entry(X, "word")),
    "overflow": lambda X: np.vstack([X[:-1], np.full((1, X.shape[1]), 1e200)]),
}
_SPOIL_Y = {
    "NaN": lambda y: _entry(y.astype(float), np.nan),
    "infinity": lambda y: _entry(y.astype(float), np.inf),
    "complex": lambda y: y.astype(float) + 1j,
    "a row less": lambda y: y[:-1],
    "no row": lambda y: y[:0],
    "no column": lambda y: np.zeros((len(y), 0)),
    "three axes": lambda y: np.zeros((len(y), 2, 2)),
    "None": lambda y: None,
    "a number": lambda y: 3,
    "several types": lambda y: _entry(np.asarray(y, dtype=object), "word"),
}
_SPOIL_WEIGHT = {
    "negative": lambda n: -np.ones(n),
    "zero": np.zeros,
    "NaN": lambda n: np.full(n, np.nan),
    "infinite": lambda n: np.full(n, np.inf),
    "too few": lambda n: np.ones(n - 1),
    "two axes": lambda n: np.ones((n, 2)),
    "words": lambda n: np.full(n, "word"),
}


@st.composite
def spoiled_data(draw: DrawFn, kind: type) -> tuple[str, tuple[Any, Any, Any]]:
    """Draw X, y and weights of which one is bad, and say which and how."""
    X = draw(arrays(min_rows=4))
    n_rows = len(X)
    y = np.arange(n_rows) % 2
    weight: Any = draw(st.sampled_from([None, np.ones(n_rows)]))
    part = draw(st.sampled_from(["X", "y", "sample_weight"]))
    tables: dict[str, dict[str, Any]] = {
        "X": _SPOIL_X,
        "y": _SPOIL_Y,
        "sample_weight": _SPOIL_WEIGHT,
    }
    table = tables[part]
    how = draw(st.sampled_from(sorted(table)))
    given: dict[str, Any] = {"X": X, "y": y, "sample_weight": weight}
    given[part] = table[how](n_rows if part == "sample_weight" else given[part])
    if part != "sample_weight" and how in ("a row less", "no row"):
        given["sample_weight"] = None
    return f"{how} in {part}", (given["X"], given["y"], given["sample_weight"])
