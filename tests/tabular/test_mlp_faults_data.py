"""Bad data: the sentence scikit-learn would say, or a clearer one of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError

from skdeep import MLPClassifier, MLPRegressor
from skdeep.data import _tables

pd = pytest.importorskip("pandas")

ESTIMATORS = [MLPClassifier, MLPRegressor]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 3))
LABELS = (X[:, 0] > 0).astype(int)
NUMBERS = X[:, 0] + 0.1 * RNG.standard_normal(20)


def target(kind: type) -> np.ndarray:
    """Return a y for an estimator."""
    return LABELS if kind is MLPClassifier else NUMBERS


def refuse(kind: type, error: type[Exception], sentence: str, *args: Any, **kw: Any):
    """Fit to what must be refused; the estimator is left without a trace."""
    estimator = kind(max_epochs=2)
    before = dict(vars(estimator))
    with pytest.raises(error, match=sentence):
        estimator.fit(*args, **kw)
    assert vars(estimator) == before


def spoiled(value: Any) -> np.ndarray:
    """Return X with one bad entry."""
    bad = X.astype(object) if isinstance(value, str) else X.copy()
    bad[3, 1] = value
    return bad


BAD_TABLES: list[tuple[str, Any, str]] = [
    ("strings", spoiled("wing"), "takes numbers in X. Got 'wing' in column"),
    ("complex", X + 1j, "Complex data not supported"),
    ("dates", X.astype("M8[s]"), r"expects X of real numbers. Got datetime64\[s\]"),
    ("spans", X.astype("m8[s]"), r"expects X of real numbers. Got timedelta64\[s\]"),
    ("one axis", X[:, 0], "Expected 2D array, got 1D array instead"),
    ("three axes", X[:, :, np.newaxis], r"Found array with dim 3"),
    ("a number", 3.0, "Expected 2D array, got scalar array instead"),
    ("None", None, "Expected 2D array, got scalar array instead"),
    ("no rows", X[:0], r"Found array with 0 sample\(s\) \(shape=\(0, 3\)\)"),
    (
        "no columns",
        X[:, :0],
        r"0 feature\(s\) \(shape=\(20, 0\)\) while a minimum of 1",
    ),
    ("ragged", [[1.0, 2.0], [3.0]] * 10, "inhomogeneous shape"),
    ("NaN", spoiled(np.nan), "Input X contains NaN"),
    ("infinity", spoiled(np.inf), "Input X contains infinity or a value too large"),
    ("float32 infinity", spoiled(-np.inf).astype(np.float32), "Input X contains inf"),
    ("sparse NaN", sp.csr_array(spoiled(np.nan)), "Input X contains NaN"),
    ("sparse infinity", sp.csc_array(spoiled(np.inf)), "Input X contains infinity"),
    ("frame of strings", pd.DataFrame({"a": list("wing") * 5}), "takes numbers in X"),
    (
        "frame of dates",
        pd.DataFrame({"a": pd.date_range("2020-01-01", periods=20), "b": X[:, 0]}),
        "expects X of real numbers. Got datetime64",
    ),
    (
        "frame with missing values",
        pd.DataFrame({"a": pd.array([1, None] * 10, dtype="Int64")}),
        "Input X contains NaN",
    ),
    (
        "overflowing squares",
        1e300 * X,
        r"MLP\w+ cannot scale X. .* must not overflow. Got larger .* column 0",
    ),
    (
        "sparse overflowing squares",
        sp.csr_array(X * [1.0, 1e300, 1.0]),
        r"must not overflow. Got larger numbers in column 1. Divide it by a constant",
    ),
]


@pytest.mark.parametrize(
    ("table", "sentence"),
    [case[1:] for case in BAD_TABLES],
    ids=[case[0] for case in BAD_TABLES],
)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_bad_tables_are_refused(kind, table, sentence):
    """A table that is none, or holds what is no number, is a ValueError."""
    refuse(kind, ValueError, sentence, table, target(kind))


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_names_of_several_types_are_refused(kind):
    """Feature names must all be strings, and scikit-learn says so by a TypeError."""
    frame = pd.DataFrame(X, columns=[1, "b", "c"])
    sentence = "Feature names are only supported if all input features have string"
    refuse(kind, TypeError, sentence, frame, target(kind))
    sentence = "np.matrix is not supported"
    with pytest.warns(PendingDeprecationWarning, match="matrix subclass"):
        matrix = np.matrix(X)
    refuse(kind, TypeError, sentence, matrix, target(kind))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_bad_entries_of_a_streamed_map_are_found(kind, value, tmp_path, monkeypatch):
    """A large memory map is read in blocks, and the row of a bad entry named."""
    monkeypatch.setattr(_tables, "STREAMED_BYTES", 0)
    monkeypatch.setattr(_tables, "BLOCK_ROWS", 7)
    stored = np.memmap(tmp_path / "X", dtype=np.float64, mode="w+", shape=X.shape)
    stored[:] = X
    stored[16, 1] = value
    sentence = rf"NaN or infinity: {kind.__name__} does not accept .* Got one in row 16"
    refuse(kind, ValueError, sentence, stored, target(kind))
    fitted = kind(max_epochs=1).fit(X, target(kind))
    with pytest.raises(ValueError, match="Got one in row 16 of the memory map"):
        fitted.predict(stored)


def test_maps_of_other_things_than_numbers_are_refused(tmp_path: Path, monkeypatch):
    """Complex numbers, dates and texts on the disk are no table."""
    monkeypatch.setattr(_tables, "STREAMED_BYTES", 0)
    for number, dtype in enumerate(("c16", "M8[s]", "S3")):
        stored = np.memmap(
            tmp_path / str(number), dtype=dtype, mode="w+", shape=(20, 3)
        )
        with pytest.raises(ValueError, match=r"expects .* real numbers. Got|Complex"):
            MLPClassifier().fit(stored, LABELS)


BAD_TARGETS: list[tuple[type | None, str, Any, str]] = [
    (None, "too short", LABELS[:-1], r"inconsistent numbers of samples: \[20, 19\]"),
    (None, "three axes", np.zeros((20, 2, 2)), "Found array with dim 3"),
    (None, "no columns", np.zeros((20, 0)), r"Found array with 0 feature\(s\)"),
    (None, "NaN", np.where(np.arange(20) == 2, np.nan, LABELS), "Input y contains NaN"),
    (None, "infinity", np.where(np.arange(20) == 2, np.inf, LABELS), "y contains inf"),
    (None, "complex", LABELS + 1j, "Complex data not supported"),
    (None, "None", None, "requires y to be passed, but the target y is None"),
    (MLPClassifier, "numbers", NUMBERS, "Unknown label type: continuous"),
    (
        MLPClassifier,
        "several types",
        np.array(["a", 1] * 10, dtype=object),
        "needs labels of one type. Got y with several types that cannot be sorted",
    ),
    (MLPClassifier, "missing text", np.array(["a", np.nan] * 10, object), "NaN"),
    (
        MLPClassifier,
        "several classes a row",
        np.column_stack([LABELS, LABELS + 1]),
        r"predicts one class a row, .* Got several classes a row in y of shape \(20, 2",
    ),
    (
        MLPRegressor,
        "text",
        NUMBERS.astype(str),
        "expects y as a dense array of real numbers. Got <U",
    ),
    (
        MLPRegressor,
        "dates",
        NUMBERS.astype("M8[s]"),
        r"expects y as a dense array of real numbers. Got datetime64\[s\]",
    ),
    (
        MLPRegressor,
        "sparse",
        sp.csr_array(np.column_stack([NUMBERS, NUMBERS])),
        "expects y as a dense array of real numbers. Got a sparse matrix",
    ),
    (
        MLPRegressor,
        "overflow",
        1e300 * NUMBERS,
        "MLPRegressor cannot scale y. .* must not overflow. Got larger numbers",
    ),
]


@pytest.mark.parametrize(
    ("kind", "y", "sentence"),
    [
        pytest.param(kind, case[2], case[3], id=f"{kind.__name__}-{case[1]}")
        for case in BAD_TARGETS
        for kind in ([case[0]] if case[0] else ESTIMATORS)
    ],
)
def test_bad_targets_are_refused(kind, y, sentence):
    """A y that is not one of this kind of estimator is a ValueError."""
    refuse(kind, ValueError, sentence, X, y)


def test_targets_outside_the_range_of_the_loss_are_refused():
    """Counts are never negative, neither in training nor in validation."""
    net = MLPRegressor(loss="poisson")
    with pytest.raises(
        ValueError, match=r"loss='poisson' needs y of at least 0. Got -"
    ):
        net.fit(X, NUMBERS - 9)
    with pytest.raises(
        ValueError, match=r"loss='poisson' needs y of at least 0. Got -"
    ):
        net.fit(X, NUMBERS**2, X_val=X, y_val=NUMBERS - 9)


BAD_WEIGHTS: list[tuple[str, Any, str]] = [
    (
        "negative",
        np.where(LABELS, 1.0, -1.0),
        "Negative values in data passed to `samp",
    ),
    ("all zero", np.zeros(20), "at least one non-zero"),
    ("zero for all", 0.0, "at least one non-zero"),
    ("NaN", np.where(LABELS, 1.0, np.nan), "Input sample_weight contains NaN"),
    (
        "infinite",
        np.where(LABELS, 1.0, np.inf),
        "Input sample_weight contains infinity",
    ),
    ("too short", np.ones(19), r"sample_weight.shape == \(19,\), expected \(20,\)"),
    ("two axes", np.ones((20, 2)), "weights must be 1D array or scalar"),
    ("text", np.full(20, "a"), "could not convert string to float"),
    ("complex", np.ones(20) + 1j, "Complex data not supported"),
    ("too large", np.full(20, 1e308), r"finite sum. Got weights of up to 1e\+308"),
]


@pytest.mark.parametrize(
    ("weight", "sentence"),
    [case[1:] for case in BAD_WEIGHTS],
    ids=[case[0] for case in BAD_WEIGHTS],
)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_bad_weights_are_refused(kind, weight, sentence):
    """So they are of training and of validation rows."""
    y = target(kind)
    refuse(kind, ValueError, sentence, X, y, sample_weight=weight)
    validation = {"X_val": X, "y_val": y, "sample_weight_val": weight}
    refuse(kind, ValueError, sentence, X, y, **validation)


BAD_VALIDATION: list[tuple[str, dict[str, Any], str]] = [
    ("no y_val", {"X_val": X}, "takes X_val and y_val together. Got no y_val"),
    ("no X_val", {"y_val": LABELS}, "takes X_val and y_val together. Got no X_val"),
    (
        "weights alone",
        {"sample_weight_val": np.ones(20)},
        "takes X_val and y_val together. Got no X_val",
    ),
    (
        "fewer columns",
        {"X_val": X[:, :2], "y_val": LABELS},
        "X has 2 features, but MLP.* is expecting 3 features",
    ),
    ("other length", {"X_val": X, "y_val": LABELS[:-1]}, "inconsistent numbers of"),
    ("no rows", {"X_val": X[:0], "y_val": LABELS[:0]}, r"Found array with 0 sample\(s"),
    ("NaN", {"X_val": spoiled(np.nan), "y_val": LABELS}, "Input X contains NaN"),
]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [case[1:] for case in BAD_VALIDATION],
    ids=[case[0] for case in BAD_VALIDATION],
)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_bad_validation_rows_are_refused(kind, given, sentence):
    """They must be complete, and like the training rows."""
    refuse(kind, ValueError, sentence, X, target(kind), **given)


@pytest.mark.parametrize(
    ("y", "y_val", "sentence"),
    [
        (LABELS, LABELS + 1, r"knows the classes \[0, 1\]. Got y_val with .* class 2"),
        (LABELS, np.full(20, "a"), "Got y_val with the unseen class 'a'. Leave out"),
        (LABELS, NUMBERS, "Got y_val with the unseen class -"),
        (
            np.column_stack([LABELS, 1 - LABELS]),
            LABELS,
            r"indicator of 2 labels. Got y",
        ),
        (
            LABELS,
            np.column_stack([LABELS, 1 - LABELS]),
            "learns one class a row. Got y",
        ),
    ],
)
def test_validation_labels_must_be_among_the_training_labels(y, y_val, sentence):
    """A class that training never sees cannot be validated."""
    refuse(MLPClassifier, ValueError, sentence, X, y, X_val=X, y_val=y_val)


def test_validation_numbers_must_be_as_many_a_row():
    """One number a row in training, one in validation."""
    y_val = np.column_stack([NUMBERS, NUMBERS])
    sentence = r"predicts 1 number\(s\) a row. Got y of shape \(20, 2\)"
    refuse(MLPRegressor, ValueError, sentence, X, NUMBERS, X_val=X, y_val=y_val)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_one_row_cannot_be_held_out(kind):
    """Early stopping needs two rows; a fit without it needs one."""
    with pytest.raises(ValueError, match=r"needs at least 2 samples. Got n_samples=1"):
        kind(early_stopping=True).fit(X[:1], target(kind)[:1])
    for normalization in (None, "batch", "layer"):
        net = kind(max_epochs=2, normalization=normalization).fit(
            X[:1], target(kind)[:1]
        )
        assert np.isfinite(net.predict(X)).all()


@pytest.mark.parametrize("method", ["predict", "score", "predict_proba"])
def test_unfitted_estimators_say_so(method):
    """Nothing is predicted before a fit."""
    arguments = (X, LABELS) if method == "score" else (X,)
    with pytest.raises(
        NotFittedError, match="MLPClassifier instance is not fitted yet"
    ):
        getattr(MLPClassifier(), method)(*arguments)
    for name in ("coefs_", "intercepts_", "n_layers_", "loss_", "loss_curve_"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}' before it is"):
            getattr(MLPClassifier(), name)


FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


@pytest.mark.parametrize(
    ("trained_on", "asked", "sentence"),
    [
        (X, X[:, :2], "X has 2 features, but MLP.* is expecting 3 features as input"),
        (X, sp.csr_array(X[:, [0, 0, 1, 2]]), "X has 4 features, but MLP"),
        (X, spoiled(np.nan), "Input X contains NaN"),
        (X, sp.csr_array(spoiled(np.inf)), "Input X contains infinity"),
        (X, X[:0], r"Found array with 0 sample\(s\)"),
        (X, X[0], "Expected 2D array, got 1D array instead"),
        (X, X.astype("M8[s]"), "expects X of real numbers. Got datetime64"),
        (
            FRAME,
            FRAME[["b", "a", "c"]],
            "must be in the same order as they were in fit",
        ),
        (FRAME, FRAME.rename(columns={"a": "z"}), "names unseen at fit time:\n- z"),
        (FRAME, FRAME[["a", "b"]], "seen at fit time, yet now missing:\n- c"),
    ],
)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_prediction_wants_the_columns_of_the_training(
    kind, trained_on, asked, sentence
):
    """As many, by the same names, in the same order."""
    net = kind(max_epochs=1).fit(trained_on, target(kind))
    with pytest.raises(ValueError, match=sentence):
        net.predict(asked)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_names_on_one_side_only_are_warned_of(kind):
    """As scikit-learn does, since the columns cannot be compared."""
    named, nameless = (kind(max_epochs=1).fit(T, target(kind)) for T in (FRAME, X))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        named.predict(X)
    with pytest.warns(UserWarning, match="X has feature names, but MLP.* was fitted w"):
        nameless.predict(FRAME)
