"""What comes out has scikit-learn's shapes and dtypes, whatever went in as y."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier as SklearnClassifier
from sklearn.neural_network import MLPRegressor as SklearnRegressor
from sklearn.tree import DecisionTreeClassifier

from skdeep import MLPClassifier, MLPRegressor


def pandas() -> Any:
    """Return pandas, or skip the test."""
    return pytest.importorskip("pandas")


def polars() -> Any:
    """Return polars, or skip the test."""
    return pytest.importorskip("polars")


N_ROWS = 60
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N_ROWS, 4))
THREE = np.arange(N_ROWS) % 3
TWO = np.arange(N_ROWS) % 2
NAMES = np.array(["ant", "beetle", "cat"])[THREE]
INDICATOR = RNG.integers(0, 2, (N_ROWS, 3))
VALUES = RNG.standard_normal((N_ROWS, 2))

LABELS: dict[str, Any] = {
    "binary ints": TWO,
    "ints with a gap": TWO * 3,
    "negative ints": TWO * 2 - 1,
    "three ints": np.array([10, 20, 30])[THREE],
    "large ints": np.array([2**40, 2**41])[TWO],
    "int8": THREE.astype(np.int8),
    "uint8": TWO.astype(np.uint8),
    "list of ints": THREE.tolist(),
    "strings": NAMES,
    "list of strings": NAMES.tolist(),
    "booleans": TWO.astype(bool),
    "list of booleans": TWO.astype(bool).tolist(),
    "whole floats": TWO + 1.0,
    "three whole floats": THREE.astype(float),
    "float32": THREE.astype(np.float32),
    "series of ints": lambda: pandas().Series(THREE),
    "series of int categories": lambda: pandas().Series(THREE, dtype="category"),
    "nullable ints": lambda: pandas().Series(THREE, dtype="Int64"),
    "nullable booleans": lambda: pandas().Series(TWO.astype(bool), dtype="boolean"),
    "nullable floats": lambda: pandas().Series(THREE, dtype="Float64"),
    "polars ints": lambda: polars().Series(THREE),
    "polars strings": lambda: polars().Series(NAMES.tolist()),
    "polars booleans": lambda: polars().Series(TWO.astype(bool)),
}
INDICATORS: dict[str, Any] = {
    "ints": INDICATOR,
    "int8": INDICATOR.astype(np.int8),
    "booleans": INDICATOR.astype(bool),
    "floats": INDICATOR.astype(float),
    "lists": INDICATOR.tolist(),
    "all zeros": np.zeros_like(INDICATOR),
    "all ones": np.ones_like(INDICATOR),
    "one label empty": INDICATOR * [1, 1, 0],
    "csr_matrix": sp.csr_matrix(INDICATOR),
    "csc_matrix": sp.csc_matrix(INDICATOR),
    "csr_array": sp.csr_array(INDICATOR),
    "coo_array": sp.coo_array(INDICATOR),
    "pandas frame": lambda: pandas().DataFrame(INDICATOR, columns=["a", "b", "c"]),
    "polars frame": lambda: polars().DataFrame(
        INDICATOR, schema=["a", "b", "c"], orient="row"
    ),
}
# scikit-learn's perceptron alone turns these into fixed-width strings; its other
# classifiers, and those here, keep the objects.
OBJECTS: dict[str, Any] = {
    "objects": NAMES.astype(object),
    "series of objects": lambda: pandas().Series(NAMES, dtype=object),
    "series of str": lambda: pandas().Series(NAMES, dtype="str"),
    "series of categories": lambda: pandas().Series(NAMES, dtype="category"),
    "series of nullable strings": lambda: pandas().Series(NAMES, dtype="string"),
    "series of arrow strings": lambda: pandas().Series(NAMES, dtype="string[pyarrow]"),
    "polars categories": lambda: polars().Series(
        NAMES.tolist(), dtype=polars().Categorical
    ),
}
NUMBERS: dict[str, Any] = {
    "floats": VALUES[:, 0],
    "float32": VALUES[:, 0].astype(np.float32),
    "float16": VALUES[:, 0].astype(np.float16),
    "ints": THREE,
    "booleans": TWO.astype(bool),
    "list": VALUES[:, 0].tolist(),
    "objects": VALUES[:, 0].astype(object),
    "two outputs": VALUES,
    "two outputs in float32": VALUES.astype(np.float32),
    "two outputs in Fortran order": np.asfortranarray(VALUES),
    "lists": VALUES.tolist(),
    "pandas series": lambda: pandas().Series(VALUES[:, 0]),
    "nullable series": lambda: pandas().Series(VALUES[:, 0], dtype="Float64"),
    "pandas frame": lambda: pandas().DataFrame(VALUES, columns=["u", "v"]),
    "polars series": lambda: polars().Series(VALUES[:, 0]),
    "polars frame": lambda: polars().DataFrame(VALUES, schema=["u", "v"], orient="row"),
}
INPUT_DTYPES = ["float64", "float32", "float16", "int64", "int8", "bool", ">f4", "O"]


def pair_of_classifiers() -> list[Any]:
    """Return scikit-learn's perceptron and this one, of the same shape."""
    return [
        SklearnClassifier(hidden_layer_sizes=(5,), max_iter=2, random_state=0),
        MLPClassifier(hidden_layer_sizes=(5,), max_epochs=2),
    ]


def pair_of_regressors() -> list[Any]:
    """Return scikit-learn's perceptron and this one, of the same shape."""
    return [
        SklearnRegressor(hidden_layer_sizes=(5,), max_iter=2, random_state=0),
        MLPRegressor(hidden_layer_sizes=(5,), max_epochs=2),
    ]


def made(y: Any) -> Any:
    """Return a target, made now where it needs an optional library."""
    return y() if callable(y) else y


def fit(estimator: Any, table: Any, y: Any) -> Any:
    """Fit, deaf to scikit-learn's warning that two epochs are few."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(table, y)


def look(array: Any) -> tuple[type, tuple[int, ...], Any]:
    """Return all of an array but its numbers."""
    return type(array), array.shape, array.dtype


def face(estimator: Any, table: Any, y: Any) -> dict[str, Any]:
    """Return what a fitted estimator shows, without the learnt numbers."""
    shown: dict[str, Any] = {
        method: look(getattr(estimator, method)(table))
        for method in ("predict", "predict_proba", "predict_log_proba")
        if hasattr(estimator, method)
    }
    if hasattr(estimator, "classes_"):
        classes = np.asarray(estimator.classes_)
        shown["classes"] = (classes.tolist(), classes.dtype)
    shown["n_outputs"] = estimator.n_outputs_
    shown["n_features"] = estimator.n_features_in_
    shown["n_layers"] = estimator.n_layers_
    shown["n_iter"] = estimator.n_iter_
    shown["coefs"] = [coef.shape for coef in estimator.coefs_]
    shown["intercepts"] = [intercept.shape for intercept in estimator.intercepts_]
    shown["score"] = type(estimator.score(table, y))
    return shown


@pytest.mark.parametrize(
    "y", [*LABELS.values(), *INDICATORS.values()], ids=[*LABELS, *INDICATORS]
)
def test_classifier_shows_what_that_of_scikit_learn_shows(y: Any) -> None:
    """Labels, probabilities and attributes have its shapes and dtypes."""
    y = made(y)
    theirs, ours = (face(fit(model, X, y), X, y) for model in pair_of_classifiers())
    assert ours == theirs


@pytest.mark.parametrize("y", NUMBERS.values(), ids=NUMBERS)
def test_regressor_shows_what_that_of_scikit_learn_shows(y: Any) -> None:
    """Predictions and attributes have its shapes and dtypes."""
    y = made(y)
    theirs, ours = (face(fit(model, X, y), X, y) for model in pair_of_regressors())
    assert ours == theirs


@pytest.mark.parametrize("dtype", INPUT_DTYPES)
@pytest.mark.parametrize("pair", [pair_of_classifiers, pair_of_regressors])
def test_dtype_of_the_inputs_decides_as_in_scikit_learn(pair: Any, dtype: str) -> None:
    """Single precision in gives single precision out, all others double."""
    table, y = np.round(X * 3).astype(dtype), TWO.astype(np.float32)
    theirs, ours = (face(fit(model, table, y), table, y) for model in pair())
    assert ours == theirs


@pytest.mark.parametrize("later", ["float64", "float32"])
@pytest.mark.parametrize("first", ["float64", "float32"])
@pytest.mark.parametrize("pair", [pair_of_classifiers, pair_of_regressors])
def test_dtype_of_predictions_is_the_wider_of_both_inputs(
    pair: Any, first: str, later: str
) -> None:
    """What a model was fitted on and what it is asked about both count."""
    y = TWO.astype(np.float32)
    theirs, ours = (fit(model, X.astype(first), y) for model in pair())
    method = "predict_proba" if hasattr(ours, "predict_proba") else "predict"
    asked = X[:3].astype(later)
    assert look(getattr(ours, method)(asked)) == look(getattr(theirs, method)(asked))


@pytest.mark.parametrize("y", OBJECTS.values(), ids=OBJECTS)
def test_string_objects_stay_objects_as_in_other_classifiers(y: Any) -> None:
    """A frame's column of strings is predicted as such a column."""
    y = made(y)
    ours = MLPClassifier(hidden_layer_sizes=(5,), max_epochs=2).fit(X, y)
    theirs = LogisticRegression().fit(X, y)
    assert ours.classes_.tolist() == theirs.classes_.tolist()
    assert look(ours.classes_) == look(theirs.classes_)
    assert look(ours.predict(X)) == look(theirs.predict(X))


@pytest.mark.parametrize("y", [np.full(N_ROWS, 7), np.full(N_ROWS, "x")])
def test_single_class_has_one_column_of_ones(y: np.ndarray) -> None:
    """A column for each class, as a tree has it; scikit-learn's perceptron has two."""
    ours = MLPClassifier(hidden_layer_sizes=(5,), max_epochs=2).fit(X, y)
    theirs = DecisionTreeClassifier(random_state=0).fit(X, y)
    assert look(ours.predict_proba(X)) == look(theirs.predict_proba(X))
    np.testing.assert_array_equal(ours.predict_proba(X), 1.0)
    np.testing.assert_array_equal(ours.predict_log_proba(X), 0.0)
    np.testing.assert_array_equal(ours.predict(X), y)
    assert ours.score(X, y) == 1.0


@pytest.mark.parametrize(
    ("pair", "y"),
    [
        (pair_of_classifiers, TWO),
        (pair_of_classifiers, NAMES),
        (pair_of_regressors, VALUES[:, 0]),
    ],
    ids=["two classes", "strings", "numbers"],
)
def test_column_y_is_taken_as_one_axis_with_a_warning(pair: Any, y: Any) -> None:
    """A column means one axis, and scikit-learn's warning says so."""
    shown = []
    for model in pair():
        with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
            fit(model, X, y.reshape(-1, 1))
        shown.append(face(model, X, y))
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    "y",
    [VALUES[:, 0], np.column_stack([THREE, TWO]), [[1, 2], [3]]],
    ids=["continuous", "two classes a row", "ragged"],
)
def test_targets_that_scikit_learn_refuses_are_refused(y: Any) -> None:
    """No labels, no fit: with the same class of error."""
    theirs, ours = pair_of_classifiers()
    with pytest.raises((TypeError, ValueError)) as error:
        theirs.fit(X, y)
    with pytest.raises(error.type, match=r"label|class|inhomogeneous"):
        ours.fit(X, y)
    assert not hasattr(ours, "classes_")


def test_labels_in_bytes_get_the_sentence_of_scikit_learn() -> None:
    """Bytes are no strings, which it knows how to say."""
    pytest.importorskip("sklearn", minversion="1.7", reason="bytes were labels then")
    with pytest.raises(TypeError, match="labels represented as bytes is not supported"):
        MLPClassifier(max_epochs=2).fit(X, np.array([b"a", b"b"])[TWO])


def test_predicted_labels_go_with_the_largest_probability() -> None:
    """The three methods agree with one another, for two and for three classes."""
    for y in (TWO, NAMES):
        model = MLPClassifier(hidden_layer_sizes=(5,), max_epochs=5).fit(X, y)
        proba = model.predict_proba(X)
        np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-12)
        np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), proba)
        labels = model.classes_[np.argmax(proba, axis=1)]
        np.testing.assert_array_equal(model.predict(X), labels)
        assert model.score(X, y) == np.mean(labels == y)


def test_predicted_indicator_marks_what_is_more_probable_than_not() -> None:
    """Each label has a probability of its own."""
    model = MLPClassifier(hidden_layer_sizes=(5,), max_epochs=5).fit(X, INDICATOR)
    proba = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict(X), (proba > 0.5).astype(int))
    exact = np.mean((model.predict(X) == INDICATOR).all(axis=1))
    assert model.score(X, INDICATOR) == exact


def test_sparse_indicator_trains_the_same_network_as_a_dense_one() -> None:
    """How the indicator is stored changes nothing but what predict returns."""
    model = MLPClassifier(hidden_layer_sizes=(5,), max_epochs=3, random_state=0)
    dense = model.fit(X, INDICATOR).predict(X)
    stored = model.fit(X, sp.csr_array(INDICATOR)).predict(X)
    assert sp.issparse(stored)
    np.testing.assert_array_equal(stored.toarray(), dense)
