"""Graphs of ONNX that say what estimators and whole Pipelines say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skdeep import MLPClassifier, MLPRegressor, TabularMLPClassifier, to_onnx
from skdeep.exceptions import MissingDependencyError, PersistenceError
from skdeep.persistence import _onnx, _onnx_checking
from skdeep.persistence._onnx_checking import check_graph
from skdeep.persistence._onnx_runtime import runnable
from tests.placed import (
    LABELS,
    NUMBERS,
    PLACED,
    ROWS,
    fitted,
    those_that,
)

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
pytest.importorskip("onnxscript", reason="needs the extra onnx")

QUICK: dict[str, Any] = {"max_epochs": 3, "random_state": 0}


def run(model: Any, feeds: dict[str, Any]) -> dict[str, Any]:
    """Return what onnxruntime answers, by name."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


def names_of(values: Any) -> list[str]:
    """Return the names of inputs or outputs."""
    return [value.name for value in values]


@pytest.mark.parametrize("name", those_that(lambda placed: placed.onnx))
def test_graph_says_what_the_estimator_says(name):
    """Of any number of rows, under the names of sklearn-onnx."""
    estimator, X = fitted(name), PLACED[name].X
    model = to_onnx(estimator, X)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 18
    feeds = (
        {"X": X}
        if X.dtype != object
        else {f"x{i}": _column(X[:, i]) for i in range(X.shape[1])}
    )
    assert names_of(model.graph.input) == list(feeds)
    for n in (1, 3, len(X)):
        found = run(model, {key: values[:n] for key, values in feeds.items()})
        if hasattr(estimator, "classes_"):
            assert list(found) == ["label", "probabilities"]
            np.testing.assert_allclose(
                found["probabilities"], estimator.predict_proba(X[:n]), atol=1e-5
            )
            assert found["label"].tolist() == estimator.predict(X[:n]).tolist()
            continue
        assert list(found) == ["variable"]
        answer = (
            estimator.transform(X[:n])
            if hasattr(estimator, "transform")
            else estimator.predict(X[:n]).reshape(n, -1)
        )
        assert found["variable"].dtype == answer.dtype
        np.testing.assert_allclose(found["variable"], answer, rtol=1e-5, atol=2e-5)


def _column(values: np.ndarray) -> np.ndarray:
    """Return a column as a graph takes it."""
    if all(isinstance(value, float) for value in values):
        return values.astype(float).reshape(-1, 1)
    return np.array(["" if v is None else v for v in values], object).reshape(-1, 1)


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (np.arange(48) % 3 - 1, np.int64),
        (np.arange(48) % 2 == 0, np.bool_),
        (np.array(["ä", "z"])[np.arange(48) % 2], object),
        (np.eye(3, dtype=int)[np.arange(48) % 3], np.int64),
        (np.zeros(48, dtype=np.int32), np.int64),
    ],
    ids=["ints", "flags", "texts", "indicator", "one class"],
)
def test_labels_of_all_kinds_come_out(y, kind):
    """Decoded within the graph."""
    net = MLPClassifier((4,), **QUICK).fit(ROWS, y)
    found = run(to_onnx(net, ROWS), {"X": ROWS})
    assert found["label"].dtype == kind
    assert found["label"].tolist() == net.predict(ROWS).tolist()
    assert found["probabilities"].shape == net.predict_proba(ROWS).shape


def test_label_that_is_no_text_is_refused():
    """Half an emoji is a label for the estimator, and no string of a graph."""
    labels = np.array(["\ud83d", "b"], dtype=object)[np.arange(48) % 2]
    net = MLPClassifier((4,), **QUICK).fit(ROWS, labels)
    with pytest.raises(PersistenceError, match=r"label '\\ud83d', which is no text"):
        to_onnx(net, ROWS)


def test_dtype_of_the_sample_is_that_of_the_input(tmp_path):
    """And the file that is asked for is the model that is returned."""
    net: Any = fitted("MLPRegressor")
    model = to_onnx(net, ROWS[:3].astype(np.float32), tmp_path / "model.onnx")
    narrow = ROWS.astype(np.float32)
    found = run(model, {"X": narrow})["variable"][:, 0]
    np.testing.assert_allclose(found, net.predict(narrow), rtol=1e-5, atol=1e-5)
    assert (tmp_path / "model.onnx").read_bytes() == model.SerializeToString()
    with pytest.raises(Exception, match="Unexpected input data type"):
        run(model, {"X": ROWS})


@pytest.fixture(scope="module")
def frame() -> Any:
    """Return numbers, whole numbers, texts with a hole, and flags."""
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "age": rng.uniform(18, 80, 48),
            "visits": rng.integers(0, 9, 48),
            "city": rng.choice(["Oslo", "Rome", "Lima"], 48),
            "member": rng.integers(0, 2, 48).astype(bool),
        }
    )
    table.loc[::9, "age"] = np.nan
    return table


def as_feeds(frame: Any) -> dict[str, Any]:
    """Return the columns of a frame, each of shape (n, 1)."""
    return {
        name: frame[name]
        .to_numpy(object if frame[name].dtype.kind not in "fib" else None)
        .reshape(-1, 1)
        for name in frame
    }


def test_frame_with_categories_is_one_input_a_column(frame):
    """Texts, whole numbers that are categories, flags; the unknown is unknown."""
    net = TabularMLPClassifier(
        (8,),
        n_ensemble=2,
        categorical_features=["visits", "city", "member"],
        max_onehot=5,
        **QUICK,
    ).fit(frame, LABELS)
    model = to_onnx(net, frame)
    new = frame.assign(city="Paris", visits=99)
    new.iloc[0] = frame.iloc[0]
    found = run(model, as_feeds(new))
    np.testing.assert_allclose(
        found["probabilities"], net.predict_proba(new), atol=1e-5
    )


@pytest.fixture(scope="module")
def pipeline(frame) -> Any:
    """Return a Pipeline over columns of a frame, fitted."""
    columns = make_column_transformer(
        (StandardScaler(), ["age", "visits"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
    )
    pipe = make_pipeline(columns, MLPClassifier((8,), **QUICK))
    return pipe.fit(frame.fillna({"age": 40.0}), LABELS)


def test_whole_pipeline_is_one_graph(frame, pipeline):
    """Preprocessing by sklearn-onnx, the network by torch, joined."""
    pytest.importorskip("skl2onnx", reason="needs the extra onnx")
    filled = frame.fillna({"age": 40.0})
    # The member column is not used, and no input.
    model = to_onnx(pipeline, filled)
    onnx.checker.check_model(model)
    for n in (1, 48):
        feeds = {
            key: values[:n]
            for key, values in as_feeds(filled).items()
            if key in names_of(model.graph.input)
        }
        found = run(model, feeds)
        wanted = pipeline.predict_proba(filled[:n])
        np.testing.assert_allclose(found["probabilities"], wanted, atol=1e-5)
        assert found["label"].tolist() == pipeline.predict(filled[:n]).tolist()


def test_network_in_the_middle_of_a_pipeline():
    """Features of images, then steps of scikit-learn."""
    pytest.importorskip("skl2onnx", reason="needs the extra onnx")
    extractor, X = fitted("ImageFeatureExtractor"), PLACED["ImageFeatureExtractor"].X
    features = extractor.transform(X)
    rest = make_pipeline(StandardScaler(), LogisticRegression())
    rest.fit(features, np.arange(len(X)) % 2)
    pipe = Pipeline([("features", extractor), *rest.steps])
    found = run(to_onnx(pipe, X), {"X": X})
    np.testing.assert_allclose(found["probabilities"], pipe.predict_proba(X), atol=1e-5)


def test_answers_are_compared_as_it_is_written(monkeypatch):
    """A graph that answers otherwise is no result."""
    net = MLPRegressor((4,), **QUICK).fit(ROWS, NUMBERS)
    right = MLPRegressor.predict
    monkeypatch.setattr(MLPRegressor, "predict", lambda self, X: right(self, X) + 1e-3)
    with pytest.raises(PersistenceError, match=r"answers are up to 0\.001 from those"):
        to_onnx(net, ROWS)
    to_onnx(net, ROWS, tolerance=0.01)
    to_onnx(net, ROWS, tolerance=None)
    net = MLPClassifier((4,), **QUICK).fit(ROWS, LABELS)
    monkeypatch.setattr(net, "classes_", np.array(["x", "y", "z"]))
    model, feeds = _onnx._chained([net], ROWS)
    session = runnable(model, "MLPClassifier")
    monkeypatch.setattr(net, "classes_", np.array(["z", "x", "y"]))
    with pytest.raises(PersistenceError, match="labels are not those of MLPClassifier"):
        check_graph(session, net, ROWS, feeds, 1e-5)


def test_what_cannot_be_a_graph_is_refused():
    """In a sentence each."""
    with pytest.raises(NotFittedError, match="not fitted"):
        to_onnx(MLPClassifier(), ROWS)
    with pytest.raises(PersistenceError, match="Got the class MLPClassifier"):
        to_onnx(MLPClassifier, ROWS)
    with pytest.raises(PersistenceError, match=r"Got 'model\.skdeep'"):
        to_onnx("model.skdeep", ROWS)
    with pytest.raises(PersistenceError, match="Got LogisticRegression"):
        to_onnx(LogisticRegression().fit(ROWS, LABELS), ROWS)
    with pytest.raises(PersistenceError, match="Got one without steps"):
        to_onnx(Pipeline([]), ROWS)
    net: Any = fitted("MLPRegressor")
    with pytest.raises(PersistenceError, match="takes a sample of numbers of shape"):
        to_onnx(net, np.array([["a"] * 4]))
    images: Any = fitted("ImageClassifier")
    with pytest.raises(PersistenceError, match="of images as one array"):
        to_onnx(images, list(PLACED["ImageClassifier"].X))
    table: Any = fitted("TabularMLPClassifier")
    with pytest.raises(PersistenceError, match="a sample of 4 columns"):
        to_onnx(table, PLACED["TabularMLPClassifier"].X[:, :3])


@pytest.mark.parametrize("name", those_that(lambda placed: placed.onnx))
@pytest.mark.parametrize(
    ("sample", "match"),
    [
        ("model.onnx", r"where the rows belong. Write to_onnx\(model, X\[:5\], 'model"),
        (Path("model.onnx"), r"Write to_onnx\(model, X\[:5\], 'model.onnx'\)"),
        (None, r"a few rows as its second argument.* Got None"),
        (3, r"a few rows as its second argument.* Got int"),
        ({"a": [1.0]}, r"a few rows as its second argument.* Got dict"),
        (np.zeros((0, 4)), r"at least one row and one column .* Got shape \(0, 4\)"),
        ([], r"at least one row .* Got shape \(0,\)"),
        ("frame", r"at least one row and one column .* Got shape \(3, 0\)"),
    ],
    ids=["path", "Path", "None", "int", "dict", "no rows", "empty list", "no columns"],
)
def test_sample_that_is_none_is_refused(name, sample, match):
    """The second argument of `save` is a path, and here it is not."""
    if isinstance(sample, str) and sample == "frame":
        sample = pytest.importorskip("pandas").DataFrame(index=range(3))
    with pytest.raises(PersistenceError, match=match):
        to_onnx(fitted(name), sample)


@pytest.mark.parametrize("name", those_that(lambda placed: placed.onnx))
@pytest.mark.parametrize("shape", [(5,), (5, 7), (2, 2, 2, 2, 2)], ids=str)
def test_sample_of_another_shape_is_refused(name, shape):
    """Whatever the estimator itself says to it."""
    with pytest.raises(
        PersistenceError, match=r"takes a sample|takes rows|of the size"
    ):
        to_onnx(fitted(name), np.zeros(shape))


def test_sample_may_be_a_list_of_rows():
    """As the estimator takes them."""
    net: Any = fitted("TabularMLPClassifier")
    X = PLACED["TabularMLPClassifier"].X
    model = to_onnx(net, X[1:4].tolist())
    assert names_of(model.graph.input) == ["x0", "x1", "x2", "x3"]


def test_sample_may_be_sparse():
    """The graph takes dense rows all the same."""
    net = MLPClassifier((4,), **QUICK).fit(sp.csr_array(ROWS), LABELS)
    found = run(to_onnx(net, sp.csr_array(ROWS)[:5]), {"X": ROWS})
    np.testing.assert_allclose(
        found["probabilities"], net.predict_proba(ROWS), atol=1e-5
    )


def test_pipeline_says_what_is_wrong_with_a_sample(pipeline):
    """In the words of its first step."""
    pd = pytest.importorskip("pandas")
    with pytest.raises(
        PersistenceError, match=r"rows that Pipeline takes.*columns are"
    ):
        to_onnx(pipeline, pd.DataFrame({"age": [1.0]}))


@pytest.mark.parametrize("tolerance", [-1.0, "tight", True, np.nan])
def test_tolerance_must_be_a_distance(tolerance):
    """Or one of two words."""
    with pytest.raises(PersistenceError, match="'tolerance' parameter of to_onnx must"):
        to_onnx(fitted("MLPRegressor"), ROWS, tolerance=tolerance)


def test_tolerance_grows_with_the_rounding_of_a_deep_network(monkeypatch):
    """Where float32 itself is that rough, and only where none is asked for."""
    net = MLPRegressor((4,), **QUICK).fit(ROWS.astype(np.float32), NUMBERS)
    right = MLPRegressor.predict
    monkeypatch.setattr(MLPRegressor, "predict", lambda self, X: right(self, X) + 3e-4)
    X = ROWS.astype(np.float32)
    advice = "Pass a sample of float64, or a larger tolerance"
    with pytest.raises(PersistenceError, match=advice):
        to_onnx(net, X)
    monkeypatch.setattr(_onnx_checking, "_rounding", lambda *_given: 1e-3)
    to_onnx(net, X)
    with pytest.raises(PersistenceError, match=advice):
        to_onnx(net, X, tolerance=1e-5)


def test_advice_is_one_that_has_not_been_followed(monkeypatch):
    """Nobody is told to pass float64 who has."""
    net = MLPRegressor((4,), **QUICK).fit(ROWS, NUMBERS)
    right = MLPRegressor.predict
    monkeypatch.setattr(MLPRegressor, "predict", lambda self, X: right(self, X) + 3e-4)
    with pytest.raises(PersistenceError, match=r"allowed\. Pass a larger tolerance"):
        to_onnx(net, ROWS)


def test_images_of_another_size_are_refused():
    """They are to be resized in front of the graph."""
    from skdeep import ImageFeatureExtractor

    X = PLACED["ImageClassifier"].X
    net = ImageFeatureExtractor("shufflenet_v2_x0_5", weights=None, image_size=40)
    with pytest.raises(PersistenceError, match=r"network sees, \(40, 40\). Got \(32,"):
        to_onnx(net.fit(X), X)


def test_step_that_sklearn_onnx_cannot_convert_is_refused():
    """It is said which."""
    pytest.importorskip("skl2onnx", reason="needs the extra onnx")
    pipe = make_pipeline(FunctionTransformer(np.cbrt), MLPRegressor((4,), **QUICK))
    with pytest.raises(PersistenceError, match="cannot convert functiontransformer"):
        to_onnx(pipe.fit(ROWS, NUMBERS), ROWS)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxscript"])
def test_missing_package_is_told(package, hide_module):
    """With the extra that installs it."""
    hide_module(package)
    with pytest.raises(MissingDependencyError, match=rf"requires {package}\. .*\[onnx"):
        to_onnx(fitted("MLPRegressor"), ROWS)
