"""Arrays of every layout, dtype and origin: the same numbers give the same model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone

from skdeep import MLPClassifier, MLPRegressor
from skdeep.data import _tables

N_ROWS = 61
RNG = np.random.default_rng(0)
X = np.round(RNG.standard_normal((N_ROWS, 4)), 1)
X[np.abs(X) < 0.5] = 0.0
LABELS = np.arange(N_ROWS) % 3
X[:, 0] += 2 * LABELS
VALUES = X @ [1.0, 2.0, 3.0, 4.0]
SPARSE = ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"]
LAYOUTS: dict[str, Callable[[np.ndarray], Any]] = {
    "list of lists": lambda X: X.tolist(),
    "tuple of tuples": lambda X: tuple(map(tuple, X)),
    "list of arrays": list,
    "Fortran order": np.asfortranarray,
    "negative strides": lambda X: X[::-1].copy()[::-1],
    "every other column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "foreign byte order": lambda X: X.astype(">f8"),
    "objects": lambda X: X.astype(object),
    "masked": np.ma.masked_array,
    "torch tensor": torch.from_numpy,
}


@pytest.fixture
def classifier() -> MLPClassifier:
    """Return a small classifier of several batches, hence in single precision."""
    return MLPClassifier(
        hidden_layer_sizes=(8,), max_epochs=5, batch_size=16, random_state=0
    )


@pytest.fixture
def regressor() -> MLPRegressor:
    """Return a small regressor of one batch, hence in double precision."""
    return MLPRegressor(hidden_layer_sizes=(8,), max_epochs=5, random_state=0)


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every memory map count as too large to be copied."""
    monkeypatch.setattr(_tables, "STREAMED_BYTES", 0)


def memory_map(array: np.ndarray, folder: Path) -> np.ndarray:
    """Return a read-only memory map of an array written to a file."""
    np.save(folder / "table.npy", array)
    mapped: np.ndarray = np.load(folder / "table.npy", mmap_mode="r")
    return mapped


@pytest.mark.parametrize("convert", LAYOUTS.values(), ids=LAYOUTS)
def test_layout_in_memory_changes_nothing(
    convert: Any, classifier: MLPClassifier
) -> None:
    """The same numbers train the same network and are answered alike."""
    expected = clone(classifier).fit(X, LABELS).predict_proba(X)
    classifier.fit(convert(X), LABELS)
    np.testing.assert_allclose(
        classifier.predict_proba(convert(X)), expected, rtol=1e-5
    )


@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("layout", SPARSE)
@pytest.mark.parametrize("scaling", ["standard", None])
def test_sparse_rows_give_the_model_of_their_dense_copy(
    scaling: str | None, layout: str, kind: str, regressor: MLPRegressor
) -> None:
    """Every sparse format trains and asks as the array does."""
    regressor.set_params(feature_scaling=scaling)
    stored = getattr(sp, f"{layout}_{kind}")(X)
    dense = clone(regressor).fit(X, VALUES)
    regressor.fit(stored, VALUES)
    expected = dense.predict(X)
    np.testing.assert_allclose(regressor.predict(stored), expected, rtol=1e-9)
    np.testing.assert_allclose(regressor.predict(X), expected, rtol=1e-9)
    np.testing.assert_allclose(dense.predict(stored), expected, rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_sparse_dtypes_answer_as_dense_ones(
    dtype: str, classifier: MLPClassifier
) -> None:
    """Counts and flags become doubles, singles stay."""
    table = (X > 0).astype(dtype)
    dense = clone(classifier).fit(table, LABELS).predict_proba(table)
    stored = sp.csr_array(table)
    proba = classifier.fit(stored, LABELS).predict_proba(stored)
    assert proba.dtype == dense.dtype
    np.testing.assert_allclose(proba, dense, rtol=1e-4)


def test_sparse_rows_hold_out_weigh_and_continue(classifier: MLPClassifier) -> None:
    """What needs rows by position works on sparse ones as on dense ones."""
    weight = 1.0 + (np.arange(N_ROWS) % 4)
    weight[::7] = 0.0
    answers = []
    for table in (X, sp.csr_matrix(X)):
        model = clone(classifier).set_params(early_stopping=True, scoring="accuracy")
        model.fit(table, LABELS, sample_weight=weight)
        model.set_params(early_stopping=False).partial_fit(table, LABELS)
        answers.append(model.predict_proba(table))
    np.testing.assert_allclose(answers[1], answers[0], rtol=1e-4)


@pytest.mark.parametrize("layout", ["csr", "csc", "coo"])
def test_sparse_rows_that_are_not_finite_raise(
    layout: str, regressor: MLPRegressor
) -> None:
    """A stored NaN is found."""
    stored = sp.csr_array(X).copy()
    stored.data[3] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        regressor.fit(stored.asformat(layout), VALUES)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint16", "bool", "float16"])
def test_narrow_dtypes_train_the_network_of_their_doubles(
    dtype: str, regressor: MLPRegressor
) -> None:
    """Integers, flags and half precision lose nothing on the way in."""
    table = (np.abs(X) * 10).astype(dtype)
    expected = clone(regressor).fit(table.astype(float), VALUES)
    regressor.fit(table, VALUES)
    np.testing.assert_array_equal(regressor.predict(table), expected.predict(table))
    assert regressor.predict(table).dtype == np.float64


def test_training_writes_into_no_input(classifier: MLPClassifier) -> None:
    """Read-only inputs are enough for fit, partial_fit and predict."""
    frozen = [X.copy(), LABELS.copy(), 1.0 + LABELS]
    for array in frozen:
        array.flags.writeable = False
    table, labels, weight = frozen
    classifier.set_params(feature_scaling=None)
    classifier.fit(table, labels, sample_weight=weight, X_val=table, y_val=labels)
    classifier.partial_fit(table, labels, sample_weight=weight)
    classifier.predict(table)
    np.testing.assert_array_equal(table, X)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("scaling", ["standard", None])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("streams", [False, True])
def test_memory_map_gives_the_model_of_the_array(
    streams: bool,
    order: Any,
    scaling: str | None,
    classifier: MLPClassifier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Copied or read batch by batch, a map is an array, and is answered as one."""
    if streams:
        monkeypatch.setattr(_tables, "STREAMED_BYTES", 0)
    classifier.set_params(feature_scaling=scaling)
    expected = clone(classifier).fit(X, LABELS).predict_proba(X)
    mapped = memory_map(np.asarray(X, order=order), tmp_path)
    classifier.fit(mapped, LABELS)
    np.testing.assert_allclose(classifier.predict_proba(mapped), expected, rtol=1e-4)
    np.testing.assert_allclose(classifier.predict_proba(X), expected, rtol=1e-4)


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "longdouble", ">f4", "int16", "bool"]
)
@pytest.mark.parametrize("scaling", ["standard", None])
@pytest.mark.usefixtures("streamed")
def test_streamed_dtypes_train_the_network_of_the_array(
    scaling: str | None, dtype: str, regressor: MLPRegressor, tmp_path: Path
) -> None:
    """What is read batch by batch is cast as the whole array would be."""
    regressor.set_params(feature_scaling=scaling)
    table = (X * 10).astype(dtype)
    expected = clone(regressor).fit(table, VALUES).predict(table)
    mapped = memory_map(table, tmp_path)
    predicted = regressor.fit(mapped, VALUES).predict(mapped)
    assert predicted.dtype == expected.dtype
    rtol = 1e-4 if expected.dtype == np.float32 else 1e-9
    np.testing.assert_allclose(predicted, expected, rtol=rtol, atol=1e-6)


@pytest.mark.usefixtures("streamed")
def test_streamed_map_holds_out_weighs_and_continues(
    classifier: MLPClassifier, tmp_path: Path
) -> None:
    """Rows by position work on a map that is never read whole."""
    weight = 1.0 + (np.arange(N_ROWS) % 4)
    weight[::7] = 0.0
    mapped = memory_map(X, tmp_path)
    answers = []
    for table in (X, mapped):
        model = clone(classifier).set_params(early_stopping=True, scoring="accuracy")
        model.fit(table, LABELS, sample_weight=weight, X_val=table, y_val=LABELS)
        given = model.predict_proba(table)
        model.fit(table, LABELS, sample_weight=weight)
        model.set_params(early_stopping=False).partial_fit(table, LABELS)
        answers.append(np.hstack([given, model.predict_proba(table)]))
    np.testing.assert_allclose(answers[1], answers[0], rtol=1e-4)


@pytest.mark.usefixtures("streamed")
def test_streamed_map_is_searched_for_what_is_not_finite(
    regressor: MLPRegressor, tmp_path: Path
) -> None:
    """NaN, infinity and words are refused in a map as in an array."""
    table = X.copy()
    table[40, 2] = np.inf
    mapped = memory_map(table, tmp_path)
    with pytest.raises(ValueError, match=r"NaN or infinity.*row 40 of the"):
        regressor.fit(mapped, VALUES)
    regressor.fit(X, VALUES)
    with pytest.raises(ValueError, match=r"NaN or infinity.*row 40 of the"):
        regressor.predict(mapped)
    with pytest.raises(ValueError, match="X has 3 features, but MLPRegressor"):
        regressor.predict(memory_map(X[:, :3], tmp_path))
    with pytest.raises(ValueError, match="Found array with dim 3"):
        regressor.fit(memory_map(X[:, :, np.newaxis], tmp_path), VALUES)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        regressor.fit(memory_map(X, tmp_path), np.full(N_ROWS, np.nan))


def test_maps_as_joblib_hands_its_workers_are_fine(
    classifier: MLPClassifier, tmp_path: Path
) -> None:
    """Workers see large arrays as read-only maps, labels and weights among them."""
    arrays = [X, LABELS, 1.0 + LABELS]
    expected = clone(classifier).fit(*arrays)
    joblib.dump(arrays, tmp_path / "arrays")
    mapped = joblib.load(tmp_path / "arrays", mmap_mode="r")
    assert all(isinstance(array, np.memmap) for array in mapped)
    classifier.fit(*mapped)
    np.testing.assert_array_equal(classifier.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (X[:, 0], "Expected 2D array, got 1D array instead"),
        (X[:, :, np.newaxis], "Found array with dim 3"),
        (X[:0], r"Found array with 0 sample\(s\)"),
        (X[:, :0], r"Found array with 0 feature\(s\)"),
        (X[:-1], "inconsistent numbers of samples"),
        (X + 0j, "Complex data not supported"),
        (np.where(X > 2, np.nan, X), "Input X contains NaN"),
        (np.where(X > 2, np.inf, X), "Input X contains infinity"),
    ],
    ids=["1-D", "3-D", "no rows", "no columns", "short", "complex", "nan", "inf"],
)
def test_tables_that_scikit_learn_refuses_are_refused(
    table: Any, sentence: str, regressor: MLPRegressor
) -> None:
    """The sentences are scikit-learn's, and nothing is left of the attempt."""
    with pytest.raises(ValueError, match=sentence):
        regressor.fit(table, VALUES)
    assert not [name for name in vars(regressor) if name.endswith("_")]


def test_matrix_of_numpy_is_refused(regressor: MLPRegressor) -> None:
    """As everywhere in scikit-learn."""
    with pytest.warns(PendingDeprecationWarning, match="matrix subclass"):
        matrix = np.matrix(X)
    with pytest.raises(TypeError, match=r"np\.matrix is not supported"):
        regressor.fit(matrix, VALUES)


def test_tensors_are_inputs_targets_and_weights(regressor: MLPRegressor) -> None:
    """Whoever comes from torch need not convert anything on the CPU."""
    expected = clone(regressor).fit(X, VALUES, sample_weight=1.0 + LABELS).predict(X)
    tensors = [torch.from_numpy(array) for array in (X, VALUES, 1.0 + LABELS)]
    regressor.fit(tensors[0], tensors[1], sample_weight=tensors[2])
    predicted = regressor.predict(tensors[0])
    assert type(predicted) is np.ndarray
    np.testing.assert_array_equal(predicted, expected)
