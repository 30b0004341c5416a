"""Tests of the features of a pretrained network as a transformer."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skdeep import ImageFeatureExtractor
from skdeep._seeding import isolated_global_rng


@pytest.fixture
def photographs(seed: int) -> np.ndarray:
    """Return six colour images that are larger than networks want them."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 12, 10, 3), dtype=np.uint8)
    return coarse.repeat(25, axis=1).repeat(26, axis=2)


@pytest.fixture(scope="module")
def published(tmp_path_factory: Any) -> tuple[Any, Path]:
    """Return a network of torchvision, and the file of its state."""
    with isolated_global_rng(0, torch.device("cpu")):
        network = torchvision.models.shufflenet_v2_x0_5(weights=None).eval()
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.save(network.state_dict(), path)
    return network, path


def test_features_are_those_of_torchvision(
    photographs: np.ndarray, published: tuple[Any, Path]
) -> None:
    """Preprocessed as its own transforms do, the network finds the same."""
    network, path = published
    member = torchvision.models.ShuffleNet_V2_X0_5_Weights.DEFAULT
    preset = member.transforms()
    seen: list[Any] = []
    handle = network.fc.register_forward_pre_hook(
        lambda _module, inputs: seen.append(inputs[0])
    )
    with torch.inference_mode():
        tensor = torch.from_numpy(photographs).permute(0, 3, 1, 2)
        network(preset(tensor))
    handle.remove()
    extractor = ImageFeatureExtractor("shufflenet_v2_x0_5", weights=path)
    found = extractor.fit_transform(photographs)
    # torchvision rounds to bytes after resizing; here nothing is rounded.
    np.testing.assert_allclose(found, seen[0], rtol=0.02, atol=0.02 * seen[0].std())
    assert extractor.weights_ == str(path)
    assert extractor.preprocessing_["margin"] == 256 / 224


def test_stages_have_their_channels(
    photographs: np.ndarray, tiny_backbone: Any
) -> None:
    """Early stages are narrow; the count is known before the first transform."""
    widths = []
    for stage in (0, 1, -1, None):
        extractor = ImageFeatureExtractor(tiny_backbone, stage=stage, image_size=32)
        widths.append(extractor.fit(photographs).n_features_out_)
        assert extractor.transform(photographs[:2]).shape == (2, widths[-1])
    assert widths == [8, 8, 32, 32]


def test_output_can_be_a_frame(photographs: np.ndarray, tiny_backbone: Any) -> None:
    """Columns have the names of `get_feature_names_out`."""
    pytest.importorskip("pandas")
    extractor = ImageFeatureExtractor(tiny_backbone, image_size=32)
    frame = extractor.set_output(transform="pandas").fit_transform(photographs)
    assert [*frame.columns] == [*extractor.get_feature_names_out()]
    assert frame.columns[31] == "imagefeatureextractor31"


def test_pipeline_learns_on_features(tiny_backbone: Any) -> None:
    """Any estimator can follow, and a grid reaches what comes before."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = rng.random((40, 12, 12, 3)) * (0.4 + 0.6 * y[:, None, None, None])
    model = make_pipeline(
        ImageFeatureExtractor(tiny_backbone, random_state=0), LogisticRegression(C=1e4)
    )
    grid = {"imagefeatureextractor__stage": [0, None]}
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert search.best_score_ > 0.9


def test_views_are_averaged(photographs: np.ndarray, tiny_backbone: Any) -> None:
    """With its mirror image an image has the features of its mirror image."""
    extractor = ImageFeatureExtractor(tiny_backbone, image_size=32, tta=1)
    mirrored = np.ascontiguousarray(photographs[:, :, ::-1])
    np.testing.assert_allclose(
        extractor.fit_transform(photographs), extractor.transform(mirrored), rtol=1e-4
    )


def test_pickle_and_clone(photographs: np.ndarray, tiny_backbone: Any) -> None:
    """A pickle finds the same, a clone nothing before it is fitted."""
    extractor = ImageFeatureExtractor(
        tiny_backbone, image_size=32, cache_features=False
    )
    found = extractor.fit_transform(photographs)
    twin = pickle.loads(pickle.dumps(extractor))
    np.testing.assert_array_equal(twin.transform(photographs), found)
    with pytest.raises(NotFittedError):
        clone(extractor).transform(photographs)


def test_files_are_features_too(photographs: np.ndarray, tmp_path: Path) -> None:
    """The name of a file stands for its pixels."""
    paths = [tmp_path / f"{i}.png" for i in range(len(photographs))]
    for path, image in zip(paths, photographs, strict=True):
        Image.fromarray(image).save(path)
    extractor = ImageFeatureExtractor(
        "shufflenet_v2_x0_5", weights=None, image_size=32, random_state=0
    )
    expected = extractor.fit_transform(photographs)
    np.testing.assert_allclose(
        extractor.transform(paths), expected, rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"stage": 7}, r"must be in the range \[-5, 4\]. Got 7"),
        ({"backbone": "resnet"}, "Got 'resnet' instead. Did you mean"),
        ({"resize_mode": "fit"}, "'resize_mode' parameter of ImageFeatureExtractor"),
    ],
)
def test_wrong_parameters_are_refused(
    params: Any, sentence: str, photographs: np.ndarray, tiny_backbone: Any
) -> None:
    """Nothing is fitted by a call that fails."""
    extractor = ImageFeatureExtractor(
        **{"backbone": tiny_backbone, "image_size": 32, **params}
    )
    with pytest.raises(ValueError, match=sentence):
        extractor.fit(photographs)
    assert not hasattr(extractor, "module_")
