"""Estimators as plain modules of torch that say what `predict` says."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from skdeep import (
    CNNClassifier,
    ImageAugmenter,
    ImageClassifier,
    ImageFeatureExtractor,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
    to_torch,
)
from skdeep.exceptions import PersistenceError
from tests.placed import IMAGES, LABELS, NUMBERS, ROWS, fitted

QUICK: dict[str, Any] = {"max_epochs": 3, "random_state": 0}


def expected(estimator: Any, X: Any) -> np.ndarray:
    """Return the answer that a module is to give, of two axes."""
    for method in ("predict_proba", "predict", "transform"):
        if hasattr(estimator, method):
            return np.asarray(getattr(estimator, method)(X)).reshape(len(X), -1)
    raise AssertionError


def said(module: torch.nn.Module, *given: Any) -> np.ndarray:
    """Return what a module says of arrays."""
    with torch.no_grad():
        answer: torch.Tensor = module(*(torch.from_numpy(array) for array in given))
    return answer.numpy()


def exported(module: torch.nn.Module, *given: Any) -> Any:
    """Return a module as torch exports it, for any number of rows."""
    # Without a bound torch 2.6 finds one of its own, and then misses it.
    rows = torch.export.Dim("rows", max=2**40)
    tensors = tuple(torch.from_numpy(array[:3]) for array in given)
    shapes = tuple({0: rows} for _ in tensors)
    return torch.export.export(module, tensors, dynamic_shapes=shapes).module()


def in_front(images: np.ndarray) -> np.ndarray:
    """Return images with their channels in front."""
    if images.ndim == 3:
        return images[:, np.newaxis]
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier((8,), normalization="batch", **QUICK),
        MLPRegressor((8,), feature_scaling=None, target_scaling=None, **QUICK),
        MLPRegressor((8,), loss="poisson", **QUICK),
        MLPRegressor((8,), loss="quantile", quantile=[0.1, 0.9], **QUICK),
    ],
    ids=str,
)
def test_module_says_what_a_perceptron_says(estimator, dtype):
    """But for the rounding of a softmax, in the dtype of the rows, for any number."""
    X = ROWS.astype(dtype)
    y = LABELS if isinstance(estimator, MLPClassifier) else np.abs(NUMBERS)
    net = copy.deepcopy(estimator).fit(X, y)
    module = to_torch(net)
    answer = said(module, X)
    assert answer.dtype == expected(net, X).dtype
    np.testing.assert_allclose(answer, expected(net, X), rtol=4 * np.finfo(dtype).eps)
    again = exported(module, X)
    for n in (2, 48):
        np.testing.assert_allclose(said(again, X[:n]), answer[:n], rtol=1e-6)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"numeric_embedding": "periodic", "feature_scaling": "robust_clip"},
        {"numeric_embedding": None, "feature_scaling": "standard", "n_ensemble": 1},
        {"feature_scaling": None, "parametrization": "ntk", "feature_gate": 6.0},
    ],
    ids=str,
)
def test_module_says_what_a_table_of_numbers_says(params):
    """Holes, numbers beyond those of training, ensembles and all."""
    X = ROWS.copy()
    X[::7, 1] = np.nan
    X[:, 3] = 1.0
    params = {"n_ensemble": 3, "n_bins": 6, "hidden_layer_sizes": (8,), **params}
    net = TabularMLPRegressor(clip_predictions=True, **params, **QUICK).fit(X, NUMBERS)
    X[3, 0], X[4, 1], X[5, 2] = 1e30, -1e30, np.nan
    module = to_torch(net)
    np.testing.assert_allclose(said(module, X), expected(net, X), rtol=1e-6)
    narrow = X.astype(np.float32)
    np.testing.assert_allclose(
        said(module, narrow), expected(net, narrow), rtol=1e-6, atol=1e-7
    )


def test_module_takes_codes_of_categories():
    """As it lists them; 0 is missing, and so is what it does not know."""
    net: Any = fitted("TabularMLPClassifier")
    module: Any = to_torch(net)
    assert module.categories[0] == ["a", "b", "c"]
    assert len(module.categories[1]) == 12
    X = np.array(
        [[0.5, 1.0, "b", "level 3"], [np.nan, 2.0, None, "no level"]], dtype=object
    )
    codes = np.array([[2, module.categories[1].index("level 3") + 1], [0, 0]])
    numbers = X[:, :2].astype(float)
    answer = said(module, numbers, codes)
    np.testing.assert_allclose(answer, net.predict_proba(X), rtol=1e-6)
    np.testing.assert_allclose(
        said(
            exported(module, numbers.repeat(2, 0), codes.repeat(2, 0)), numbers, codes
        ),
        answer,
        rtol=1e-6,
    )


def test_module_of_categories_alone():
    """A table without numbers has none to give."""
    X = np.array([["a", "x"], ["b", "y"], ["c", "x"]] * 10, dtype=object)
    net = TabularMLPClassifier((4,), n_ensemble=2, **QUICK).fit(X, [0, 1, 1] * 10)
    module = to_torch(net)
    codes = np.array([[1, 1], [2, 2], [3, 1]])
    np.testing.assert_allclose(
        said(module, np.zeros((3, 0)), codes), net.predict_proba(X[:3]), rtol=1e-6
    )


@pytest.mark.parametrize(
    "name",
    [
        "CNNClassifier",
        "CNNRegressor",
        "ImageClassifier",
        "ImageRegressor",
        "ImageFeatureExtractor",
    ],
)
def test_module_says_what_images_say(name):
    """Views and frozen networks included; rounding alone is another."""
    from tests.placed import PLACED

    X, estimator = PLACED[name].X, fitted(name)
    module = to_torch(estimator)
    answer, wanted = said(module, in_front(X)), expected(estimator, X)
    assert answer.dtype == wanted.dtype
    np.testing.assert_allclose(answer, wanted, rtol=2e-5, atol=1e-6)
    # Never more than the estimator itself, and never the estimator.
    assert not any(isinstance(value, type(estimator)) for value in vars(module))


def test_module_resizes_images_of_other_sizes():
    """As the estimator does, with antialiasing."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 255, (4, 40, 44, 3), dtype=np.uint8)
    net = ImageFeatureExtractor(
        "shufflenet_v2_x0_5", weights=None, image_size=32, random_state=0
    ).fit(IMAGES)
    np.testing.assert_allclose(
        said(to_torch(net), in_front(X)), net.transform(X), rtol=2e-5, atol=1e-6
    )


def test_module_is_its_own():
    """A later fit does not change it, it trains no more, and pickles without skorch."""
    net = MLPClassifier((8,), dropout=0.5, **QUICK).fit(ROWS, LABELS)
    module = to_torch(net)
    answer = said(module, ROWS)
    net.fit(ROWS[::-1], LABELS)
    np.testing.assert_array_equal(said(module, ROWS), answer)
    assert not module.training
    assert b"skorch" not in pickle.dumps(module)
    again = pickle.loads(pickle.dumps(module))
    np.testing.assert_array_equal(said(again, ROWS), answer)


def test_what_has_no_module_is_refused():
    """Estimators that are not fitted, of scikit-learn, or that are no network."""
    with pytest.raises(NotFittedError, match="not fitted"):
        to_torch(MLPClassifier())
    with pytest.raises(PersistenceError, match="takes a fitted classifier or regr"):
        to_torch(LogisticRegression().fit(ROWS, LABELS))
    with pytest.raises(PersistenceError, match="Got ImageAugmenter"):
        to_torch(ImageAugmenter())
    for value, got in ((None, "NoneType"), (MLPClassifier, "the class MLPClassifier")):
        with pytest.raises(PersistenceError, match=f"Got {got}"):
            to_torch(value)
    staged = ImageFeatureExtractor(
        "shufflenet_v2_x0_5", weights=None, stage=1, random_state=0
    ).fit(IMAGES)
    with pytest.raises(PersistenceError, match="of the last stage"):
        to_torch(staged)


ACTIVATIONS = (torch.nn.ReLU, torch.nn.Softmax, torch.nn.Sigmoid, torch.nn.Tanh)
# What a tool that hooks modules would not see.
HIDDEN = ("relu", "softmax", "sigmoid", "tanh", "gelu", "silu", "hardswish")


def calls_of(module: torch.nn.Module, *given: np.ndarray) -> list[int]:
    """Return how often each activation is called in one forward pass."""
    counts: dict[torch.nn.Module, int] = {}

    def count(called: torch.nn.Module, _inputs: Any, _output: Any) -> None:
        counts[called] += 1

    for part in module.modules():
        if isinstance(part, ACTIVATIONS):
            counts[part] = 0
            part.register_forward_hook(count)
    said(module, *given)
    return list(counts.values())


def functions_of(module: torch.nn.Module, *given: np.ndarray) -> list[str]:
    """Return the activations that are called, as modules or not, in order."""
    seen: list[str] = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(func.overloadpacket.__name__.strip("_").removesuffix("_"))
            return func(*args, **(kwargs or {}))

    with Watch():
        said(module, *given)
    return [name for name in seen if name in HIDDEN]


@pytest.mark.parametrize(
    ("estimator", "X", "y"),
    [
        (MLPClassifier((8, 6), **QUICK), ROWS, LABELS),
        (MLPClassifier((8,), activation="tanh", **QUICK), ROWS, LABELS == "no"),
        (MLPRegressor((8, 6), residual=True, **QUICK), ROWS, NUMBERS),
        (TabularMLPClassifier((8, 6), n_ensemble=2, **QUICK), ROWS, LABELS),
        (TabularMLPClassifier((8,), **QUICK), ROWS, LABELS == "no"),
        (CNNClassifier((4, 4), hidden_layer_sizes=(6,), **QUICK), IMAGES, LABELS[:12]),
        (
            ImageClassifier(
                "resnet18", weights=None, head_epochs=1, hidden_layer_sizes=(5,)
            ),
            IMAGES,
            LABELS[:12],
        ),
        (ImageFeatureExtractor("squeezenet1_1", weights=None), IMAGES, None),
        (ImageFeatureExtractor("shufflenet_v2_x0_5", weights=None), IMAGES, None),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
def test_activations_are_modules_called_once(estimator, X, y):
    """Explanations by hooks are wrong where one is a function, or called twice."""
    module = to_torch(copy.deepcopy(estimator).fit(X, y))
    given = in_front(X[:2]) if X.ndim > 2 else X[:2]
    called = functions_of(module, given)
    calls = calls_of(module, given)
    assert len(called) == len(calls) > 0
    assert set(calls) == {1}
    assert not any(getattr(part, "inplace", False) for part in module.modules())


@pytest.mark.parametrize(
    ("name", "n_columns"), [("yes", 1), ("well", 3), ("several", 3)]
)
@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier((8,), **QUICK),
        TabularMLPClassifier((8,), n_ensemble=3, **QUICK),
        TabularMLPClassifier((8,), calibration="temperature", **QUICK),
    ],
    ids=["perceptron", "ensemble", "calibrated"],
)
def test_logits_are_what_probabilities_are_made_of(estimator, name, n_columns):
    """By a softmax, or a sigmoid."""
    y = {
        "yes": LABELS == "yes",
        "well": LABELS,
        "several": np.eye(3, dtype=int)[np.arange(48) % 3],
    }[name]
    net = copy.deepcopy(estimator).fit(ROWS, y)
    logits = torch.from_numpy(said(to_torch(net, output="logits"), ROWS))
    assert logits.shape == (48, n_columns)
    proba = torch.softmax(logits, 1) if name == "well" else torch.sigmoid(logits)
    wanted = net.predict_proba(ROWS)
    if name == "yes":
        wanted = wanted[:, 1:]
    np.testing.assert_allclose(proba.numpy(), wanted, rtol=1e-5)
    np.testing.assert_allclose(
        said(to_torch(net), ROWS), net.predict_proba(ROWS), rtol=1e-5
    )


def test_output_must_be_known():
    """A typing error is told from a choice."""
    net: Any = fitted("MLPClassifier")
    with pytest.raises(PersistenceError, match=r"'output' parameter .* Got 'logit'"):
        to_torch(net, output="logit")  # type: ignore[arg-type]


@pytest.mark.parametrize("axis", ["first", "last"])
def test_module_takes_images_as_the_estimator_does(axis):
    """Gray ones without an axis of channels, flat rows, channels first or last."""
    gray = IMAGES[..., 0]
    net = CNNClassifier(4, hidden_layer_sizes=(6,), **QUICK).fit(gray, LABELS[:12])
    module, wanted = to_torch(net), net.predict_proba(gray)
    for form in (
        gray,
        gray[:, np.newaxis],
        gray[..., np.newaxis],
        gray.reshape(12, -1),
    ):
        np.testing.assert_allclose(said(module, form), wanted, rtol=1e-5, atol=1e-6)
    X = IMAGES if axis == "last" else in_front(IMAGES)
    net = CNNClassifier(4, hidden_layer_sizes=(6,), channel_axis=axis, **QUICK).fit(
        X, LABELS[:12]
    )
    np.testing.assert_allclose(
        said(to_torch(net), X), net.predict_proba(X), rtol=1e-5, atol=1e-6
    )


def test_module_of_a_regressor_has_a_column_an_output():
    """Whatever the axes of the target were."""
    for y, n_outputs in ((NUMBERS, 1), (np.stack([NUMBERS, -NUMBERS], 1), 2)):
        net = MLPRegressor((8,), **QUICK).fit(ROWS, y)
        assert said(to_torch(net), ROWS).shape == (48, n_outputs)


def test_module_answers_in_the_dtype_of_the_estimator():
    """Also to inputs of fewer digits than those of training."""
    net: Any = fitted("MLPRegressor")
    narrow = ROWS.astype(np.float32)
    answer = said(to_torch(net), narrow)
    assert answer.dtype == net.predict(narrow).dtype
    np.testing.assert_allclose(answer[:, 0], net.predict(narrow), rtol=1e-6)
