"""Graphs of ONNX answer like the estimator on rows that they were not written with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skdeep import (
    CNNClassifier,
    CNNRegressor,
    ImageClassifier,
    ImageFeatureExtractor,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
    to_onnx,
)
from skdeep.data._image_resizing import resize_images

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("onnxscript", reason="needs the extra onnx")

QUICK: dict[str, Any] = {"max_epochs": 5, "random_state": 0}
SMALL: dict[str, Any] = {**QUICK, "hidden_layer_sizes": (16,), "n_bins": 8}

RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(300, 4)) * [1.0, 100.0, 0.01, 1.0] + [0.0, 5000.0, 0.0, 0.0]
ROWS[:, 3] = np.round(ROWS[:, 3])
CLASSES = np.array(["a", "b", "c"])[np.digitize(ROWS[:, 0], [-0.5, 0.5])]
TWO = ROWS[:, 0] + ROWS[:, 3] > 0
NUMBERS = 3.0 * ROWS[:, 0] + (ROWS[:, 1] - 5000.0) / 50.0


def run(model: Any, feeds: dict[str, Any]) -> dict[str, Any]:
    """Return what onnxruntime answers, by name."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


def fresh(*, holes: bool, dtype: Any = np.float64, far: float = 3.0) -> np.ndarray:
    """Return rows of training moved a little, rows between and beyond them."""
    rng = np.random.default_rng(11)
    middle = np.median(ROWS, axis=0)
    rows = [
        ROWS[:100],
        np.nextafter(ROWS[:100], np.inf),
        np.nextafter(ROWS[:100], -np.inf),
        rng.permuted(ROWS, axis=0),
        middle + far * (ROWS - middle),
        rng.uniform(ROWS.min(axis=0), ROWS.max(axis=0), (100, 4)),
    ]
    X = np.concatenate(rows)
    if holes:
        X[rng.random(X.shape) < 0.1] = np.nan
        X[:2], X[2:4] = 1e30, -1e30
    return X.astype(dtype)


def assert_agrees(net: Any, model: Any, X: Any, feeds: dict[str, Any]) -> None:
    """Compare all answers with those of the estimator."""
    found = run(model, feeds)
    if hasattr(net, "predict_proba"):
        proba = net.predict_proba(X)
        np.testing.assert_allclose(found["probabilities"], proba, atol=1e-5)
        ranked = np.sort(proba, axis=1)
        clear = ranked[:, -1] - ranked[:, -2] > 1e-4
        assert clear.mean() > 0.5
        assert (found["label"] == net.predict(X))[clear].all()
        return
    wanted = net.predict(X)
    assert found["variable"].dtype == wanted.dtype
    scale = max(1.0, np.abs(wanted).max())
    np.testing.assert_allclose(
        found["variable"].reshape(wanted.shape), wanted, rtol=0, atol=1e-5 * scale
    )


TABULAR = [
    TabularMLPClassifier(n_ensemble=4, **SMALL),
    TabularMLPClassifier(n_ensemble=1, feature_scaling="standard", **SMALL),
    TabularMLPRegressor(feature_scaling="robust_clip", clip_predictions=True, **SMALL),
]
MORE_TABULAR = [
    TabularMLPClassifier(calibration="temperature", **SMALL),
    TabularMLPClassifier(numeric_embedding="periodic", **SMALL),
    TabularMLPClassifier(numeric_embedding=None, activation="gelu", **SMALL),
    TabularMLPClassifier(feature_scaling=None, normalization="batch", **SMALL),
    TabularMLPClassifier(feature_scaling="robust_clip", feature_gate=6.0, **SMALL),
    TabularMLPClassifier(parametrization="ntk", parametric_activation=True, **SMALL),
    TabularMLPRegressor(**SMALL),
    TabularMLPRegressor(loss="quantile", quantile=[0.1, 0.5, 0.9], **SMALL),
    TabularMLPRegressor(feature_scaling="standard", residual=True, **SMALL),
]
PERCEPTRONS = [
    MLPClassifier((8, 8), activation="mish", **QUICK),
    MLPRegressor((8,), **QUICK),
]
MORE_PERCEPTRONS = [
    MLPClassifier((8,), feature_scaling=None, normalization="layer", **QUICK),
    MLPClassifier((8,), activation="elu", normalization="batch", **QUICK),
    MLPRegressor((8,), activation="selu", target_scaling=None, **QUICK),
    MLPRegressor((8,), loss="quantile", quantile=[0.2, 0.8], **QUICK),
    MLPRegressor((8, 8), activation="softplus", residual=True, **QUICK),
]


FAST = [(TABULAR[0], "f8"), (TABULAR[2], "f4"), (PERCEPTRONS[0], "f8")]
EVERY = [
    (net, kind)
    for net in (*TABULAR, *MORE_TABULAR, *PERCEPTRONS, *MORE_PERCEPTRONS)
    for kind in ("f8", "f4")
]
SLOW = [
    pytest.param(net, kind, marks=pytest.mark.slow)
    for net, kind in EVERY
    if not any(net is one and kind == of_one for one, of_one in FAST)
]


def name_of(value: Any) -> str:
    """Return the class, and the parameters that are not the usual ones."""
    if isinstance(value, str):
        return value
    usual = {"max_epochs", "random_state", "hidden_layer_sizes", "n_bins"}
    plain = type(value)().get_params()
    given = value.get_params().items()
    others = [f"{k}={v}" for k, v in given if k not in usual and v != plain[k]]
    return ", ".join([type(value).__name__, *others])


@pytest.mark.parametrize(("estimator", "kind"), [*FAST, *SLOW], ids=name_of)
def test_graph_agrees_on_rows_it_has_not_seen(estimator, kind):
    """Whatever encodes the numbers, in the dtype of the rows, from a few of them."""
    dtype = np.dtype(kind)
    tabular = type(estimator).__name__.startswith("Tabular")
    y = CLASSES if hasattr(estimator, "predict_proba") else NUMBERS
    X = ROWS.astype(dtype)
    net = estimator.fit(X, y)
    bounded = tabular and net.feature_scaling in ("quantile", "robust_clip")
    new = fresh(holes=bounded, dtype=dtype)
    assert_agrees(net, to_onnx(net, X[:5]), new, {"X": new})


def test_members_that_disagree_have_an_exact_mean():
    """Where a float32 sigmoid is near 0 its logarithm has no digits left."""
    net = TabularMLPClassifier(max_epochs=10, random_state=0).fit(ROWS, TWO)
    new = fresh(holes=True, far=8.0)
    found = run(to_onnx(net, ROWS), {"X": new})
    np.testing.assert_allclose(
        found["probabilities"], net.predict_proba(new), atol=2e-6
    )


def test_columns_of_a_frame_agree_one_by_one():
    """Texts, flags, whole numbers and floats as categories; the unknown, and holes."""
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(3)

    def frame(n: int, *, later: bool) -> Any:
        table = pd.DataFrame(
            {
                "size": rng.normal(size=n) * (4.0 if later else 1.0),
                "count": rng.integers(0, 50, n),
                "city": rng.choice(["Oslo", "Rome", "Lima"], n).astype(object),
                "level": rng.choice([0.1, 0.2, 0.30000000000000004], n),
                "member": rng.integers(0, 2, n).astype(bool),
            }
        )
        table.loc[rng.random(n) < 0.1, "size"] = np.nan
        if later:
            table.loc[::7, "city"] = "Paris"
            table.loc[::5, "city"] = None
            table.loc[::9, "level"] = 0.3
        return table

    train, new = frame(200, later=False), frame(200, later=True)
    y = train["city"].eq("Oslo") ^ (train["level"] > 0.15)
    net = TabularMLPClassifier(
        n_ensemble=2, categorical_features=["city", "level", "member"], **SMALL
    ).fit(train, y)
    model = to_onnx(net, train)
    feeds = {
        name: np.array(["" if v is None else v for v in new[name]], object)
        if name == "city"
        else new[name].to_numpy()
        for name in new
    }
    feeds = {name: values.reshape(-1, 1) for name, values in feeds.items()}
    assert_agrees(net, model, new, feeds)


def test_target_far_from_zero_keeps_its_digits():
    """A graph puts the units of a target back in float64, as the estimator does."""
    y = NUMBERS + 1.7e9
    net = MLPRegressor((8,), **QUICK).fit(ROWS, y)
    new = fresh(holes=False)
    found = run(to_onnx(net, ROWS[:5]), {"X": new})["variable"]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[:, 0], net.predict(new), rtol=0, atol=1e-3)


IMAGES = np.random.default_rng(5).integers(0, 255, (16, 12, 12, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("estimator", "X"),
    [
        (CNNClassifier(4, hidden_layer_sizes=(8,), **QUICK), IMAGES),
        pytest.param(
            CNNRegressor(4, global_pooling="max", normalization="layer", **QUICK),
            IMAGES / 255.0,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            CNNClassifier(4, pooling="average", normalization="batch", **QUICK),
            IMAGES[..., 0].astype(np.float32),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            CNNClassifier(4, **QUICK),
            IMAGES[..., 0].reshape(16, -1),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["bytes", "floats", "gray", "flat"],
)
def test_images_agree_in_every_form(estimator, X):
    """Bytes, numbers, gray images, flat rows."""
    y = np.arange(16) % 3 if hasattr(estimator, "predict_proba") else np.arange(16.0)
    net = estimator.fit(X, y)
    new = np.random.default_rng(6).permuted(X, axis=0)
    found = run(to_onnx(net, X[:2]), {"X": new})
    key = "probabilities" if hasattr(net, "predict_proba") else "variable"
    wanted = (net.predict_proba if key == "probabilities" else net.predict)(new)
    np.testing.assert_allclose(
        found[key].reshape(wanted.shape), wanted, rtol=1e-5, atol=2e-5
    )


def tiny() -> torch.nn.Module:
    """Return a network that takes images of every size, with a head."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(16, 5),
    )


@pytest.mark.parametrize("kind", ["classifier", "extractor"])
def test_graph_takes_images_whose_margin_is_cut_off(kind):
    """What is cut by the preprocessing of weights is not cut by the graph again."""
    large = np.random.default_rng(8).integers(0, 255, (8, 50, 44, 3), dtype=np.uint8)
    net: Any
    if kind == "classifier":
        net = ImageClassifier(
            tiny, weights=None, image_size=32, head_epochs=9, random_state=0
        ).fit(large, np.arange(8) % 2)
        encoder = net._state.scaler
    else:
        net = ImageFeatureExtractor(
            tiny, weights=None, image_size=32, random_state=0
        ).fit(large)
        encoder = net._encoder
    # As weights that were trained on 256 pixels, of which 224 were kept, want it.
    encoder.margin = 256 / 224
    channels_first = torch.from_numpy(large.transpose(0, 3, 1, 2).copy())
    cut = resize_images(channels_first, (32, 32), "crop", margin=256 / 224)
    seen = np.ascontiguousarray(cut.numpy().transpose(0, 2, 3, 1))
    found = run(to_onnx(net, seen[:2]), {"X": seen})
    if kind == "classifier":
        got, wanted = found["probabilities"], net.predict_proba(large)
        assert np.abs(net.predict_proba(seen) - wanted).max() > 1e-5
    else:
        got, wanted = found["variable"], net.transform(large)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_rows_made_up_find_what_a_sample_hides():
    """A graph that is wrong far from the sample is refused."""
    from skdeep.persistence import _torch_inputs

    net = TabularMLPClassifier(n_ensemble=1, **SMALL).fit(ROWS, TWO)
    middle = ROWS[np.abs(ROWS[:, 0]) < 0.5][:3]
    right = _torch_inputs._NormalScores.forward
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            _torch_inputs._NormalScores,
            "forward",
            lambda self, x: right(self, x).clamp(-1.5, 1.5),
        )
        with pytest.raises(Exception, match=r"rows made up from the sample"):
            to_onnx(net, middle)
