"""Steps and meta-estimators of scikit-learn around networks, as graphs of ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)

from skdeep import (
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    register_onnx_converters,
    to_onnx,
)
from skdeep.exceptions import PersistenceError

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
pytest.importorskip("onnxscript", reason="needs the extra onnx")
skl2onnx = pytest.importorskip("skl2onnx", reason="needs the extra onnx")

QUICK: dict[str, Any] = {"max_epochs": 3, "random_state": 0}
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(120, 4))
NEW = RNG.normal(size=(200, 4)) * 1.5
LABELS = np.array(["a", "b", "c"])[np.digitize(ROWS[:, 0], [-0.5, 0.5])]
TWO = (ROWS[:, 0] > 0).astype(int)
NUMBERS = 3.0 * ROWS[:, 0] + ROWS[:, 1]


def holed(rows: np.ndarray) -> np.ndarray:
    """Return rows of which some numbers are missing."""
    rows = rows.copy()
    rows[::7, 1] = np.nan
    return rows


def run(model: Any, feeds: dict[str, Any]) -> dict[str, Any]:
    """Return what onnxruntime answers, by name."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


BINS: dict[str, Any] = {"n_bins": 4, "strategy": "uniform"}
USUAL = [
    (SimpleImputer(), StandardScaler()),
    (MinMaxScaler(), SelectKBest(k=1), PolynomialFeatures()),
    (make_column_transformer((PowerTransformer(), [0, 1]), (RobustScaler(), [2, 3])),),
    (KBinsDiscretizer(**BINS),),
]
MORE = [
    (SimpleImputer(strategy="median", add_indicator=True),),
    (KNNImputer(n_neighbors=2),),
    (
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), [0, 1]),
            (KBinsDiscretizer(encode="ordinal", **BINS), [2]),
            remainder="passthrough",
        ),
    ),
    (SelectKBest(k=2), PCA(2)),
    (QuantileTransformer(n_quantiles=20),),
    (FunctionTransformer(np.abs), FunctionTransformer(np.log1p)),
    (FunctionTransformer(np.square), PowerTransformer("box-cox", standardize=False)),
]


@pytest.mark.parametrize("kind", ["f8", "f4"])
@pytest.mark.parametrize(
    "steps",
    [*USUAL, *(pytest.param(steps, marks=pytest.mark.slow) for steps in MORE)],
    ids=lambda steps: ", ".join(type(step).__name__ for step in steps),
)
def test_usual_steps_answer_as_the_pipeline_does(steps, kind):
    """In both types of numbers, on rows beyond those of the sample."""
    imputes = "Imputer" in str(steps)
    X, new = ((holed(rows) if imputes else rows).astype(kind) for rows in (ROWS, NEW))
    pipe = make_pipeline(*steps, MLPClassifier((8,), **QUICK)).fit(X, TWO)
    found = run(to_onnx(pipe, X[:20]), {"X": new})
    np.testing.assert_allclose(
        found["probabilities"], pipe.predict_proba(new), atol=1e-5
    )


def test_usual_frame_is_one_graph():
    """Numbers with holes, texts, in float64, each step in a ColumnTransformer."""
    pd = pytest.importorskip("pandas")

    def frame(rows: np.ndarray, seed: int) -> Any:
        rng = np.random.default_rng(seed)
        table = pd.DataFrame(holed(rows)[:, :2], columns=["age", "height"])
        table["city"] = rng.choice(["Oslo", "Rome"], len(rows)).astype(object)
        table["size"] = rng.choice(["small", "large"], len(rows)).astype(object)
        return table

    train, new = frame(ROWS, 1), frame(NEW, 2)
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "height"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
        (OrdinalEncoder(), ["size"]),
    )
    pipe = make_pipeline(columns, MLPClassifier((8,), **QUICK)).fit(train, LABELS)
    feeds = {
        name: new[name].to_numpy(object if name in ("city", "size") else float)
        for name in new
    }
    found = run(
        to_onnx(pipe, train[:20]), {k: v.reshape(-1, 1) for k, v in feeds.items()}
    )
    np.testing.assert_allclose(
        found["probabilities"], pipe.predict_proba(new), atol=1e-5
    )


def perceptron() -> Any:
    """Return a small classifier."""
    return MLPClassifier((8,), **QUICK)


def regressor() -> Any:
    """Return a small regressor."""
    return MLPRegressor((8,), **QUICK)


META = [
    (VotingClassifier([("n", perceptron()), ("l", LogisticRegression())]), LABELS),
    (CalibratedClassifierCV(perceptron(), cv=2), TWO),
    (StackingRegressor([("n", regressor()), ("r", Ridge())], cv=2), NUMBERS),
]
MORE_META = [
    (
        VotingClassifier(
            [
                ("n", perceptron()),
                ("t", TabularMLPClassifier((8,), n_ensemble=2, **QUICK)),
            ],
            voting="soft",
        ),
        LABELS,
    ),
    (
        StackingClassifier([("n", perceptron()), ("l", LogisticRegression())], cv=2),
        LABELS,
    ),
    (
        make_pipeline(
            StandardScaler(),
            BaggingClassifier(perceptron(), 2, max_features=0.5, random_state=0),
        ),
        LABELS,
    ),
    (VotingRegressor([("n", regressor()), ("r", Ridge())]), NUMBERS),
    (GridSearchCV(perceptron(), {"l2": [0.0, 0.1]}, cv=2), TWO),
]


@pytest.mark.parametrize("kind", ["f8", "f4"])
@pytest.mark.parametrize(
    ("estimator", "y"),
    [*META, *(pytest.param(*case, marks=pytest.mark.slow) for case in MORE_META)],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
def test_meta_estimators_answer_as_they_do(estimator, y, kind):
    """With networks in them, on rows beyond those of the sample."""
    X, new = ROWS.astype(kind), NEW.astype(kind)
    estimator.fit(X, y)
    found = run(to_onnx(estimator, X[:20]), {"X": new})
    if "label" in found:
        same = found["label"].ravel() == estimator.predict(new)
        # A row between two classes may go to either.
        assert same.mean() > 0.98
    if hasattr(estimator, "predict_proba"):
        np.testing.assert_allclose(
            found["probabilities"], estimator.predict_proba(new), atol=1e-5
        )
    elif "variable" in found:
        wanted = estimator.predict(new)
        np.testing.assert_allclose(found["variable"][:, 0], wanted, atol=1e-4)


def test_sklearn_onnx_converts_networks_once_registered():
    """By its own functions."""
    register_onnx_converters()
    pipe = make_pipeline(StandardScaler(), perceptron()).fit(ROWS, LABELS)
    model = skl2onnx.to_onnx(
        pipe,
        ROWS[:1].astype(np.float32),
        target_opset={"": 18, "ai.onnx.ml": 3},
        options={"zipmap": False},
    )
    onnx.checker.check_model(model)
    new = NEW.astype(np.float32)
    found = run(model, {"X": new})
    np.testing.assert_allclose(
        found["probabilities"], pipe.predict_proba(new), atol=1e-5
    )
    assert (found["label"] == pipe.predict(new)).mean() > 0.98


def test_categories_pass_through_sklearn_onnx():
    """Each column of a table is an input of its own there as well."""
    X = np.array([[f"level {i % 3}", f"{i % 2}"] for i in range(60)], dtype=object)
    net = TabularMLPClassifier((4,), n_ensemble=1, **QUICK).fit(X, np.arange(60) % 2)
    register_onnx_converters()
    types = skl2onnx.common.data_types
    model = skl2onnx.convert_sklearn(
        net,
        initial_types=[("X", types.StringTensorType([None, 2]))],
        target_opset={"": 18, "ai.onnx.ml": 3},
        options={"zipmap": False},
    )
    found = run(model, {"X": X})
    np.testing.assert_allclose(found["probabilities"], net.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize(
    ("step", "match"),
    [
        (SplineTransformer(), r"convert splinetransformer: .* in front of the graph"),
        (FunctionTransformer(np.cbrt), r"function cbrt has no counterpart in ONNX"),
        (
            FunctionTransformer(lambda X: X + 1.0),
            r"convert functiontransformer: the function <lambda>",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["f8", "f4"])
def test_step_without_a_graph_is_named(step, match, kind):
    """With what can be done, and the error of the foreign package behind it."""
    X = ROWS.astype(kind)
    pipe = make_pipeline(step, regressor()).fit(X, NUMBERS)
    with pytest.raises(PersistenceError, match=match) as caught:
        to_onnx(pipe, X)
    assert caught.value.__cause__ is not None


def test_step_that_is_converted_otherwise_is_refused():
    """sklearn-onnx takes the nearest point of an isotonic calibration."""
    net = CalibratedClassifierCV(perceptron(), method="isotonic", cv=2)
    net.fit(ROWS, TWO)
    with pytest.raises(PersistenceError, match="from those of CalibratedClassifierCV"):
        to_onnx(net, ROWS)
