"""Tensors are inputs as arrays are, in types that NumPy does not have too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skdeep import (
    CNNClassifier,
    ImageClassifier,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
)
from tests import placed

TENSOR = torch.from_numpy(np.random.default_rng(0).normal(size=(24, 4)))
Y = np.arange(24) % 2
ESTIMATORS = [MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor]


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize(
    "tensor",
    [
        TENSOR.bfloat16(),
        TENSOR.half(),
        TENSOR.to(torch.float8_e4m3fn),
        TENSOR.float().requires_grad_(),
        TENSOR.round().to(torch.int32),
        TENSOR > 0,
        TENSOR.T.contiguous().T,
    ],
    ids=["bfloat16", "half", "float8", "gradient", "integers", "bool", "transposed"],
)
def test_tensor_is_read_as_its_numbers(tensor: Any, kind: Any) -> None:
    """The numbers are those that float32 or more has."""
    same = tensor.dtype in (torch.float64, torch.half, torch.int32, torch.bool)
    array = tensor.numpy() if same else tensor.detach().float().numpy()
    model = kind(max_epochs=2, hidden_layer_sizes=(4,), random_state=0)
    expected = model.fit(array, Y).predict(array)
    np.testing.assert_allclose(model.fit(tensor, Y).predict(tensor), expected)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_targets_may_be_tensors(kind: Any) -> None:
    """In bfloat16, as a network may have put them out."""
    model = kind(max_epochs=2, hidden_layer_sizes=(4,), random_state=0)
    expected = model.fit(TENSOR.numpy(), Y.astype(np.float32)).predict(TENSOR)
    y = torch.from_numpy(Y).bfloat16()
    np.testing.assert_array_equal(model.fit(TENSOR, y).predict(TENSOR), expected)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_sparse_tensor_is_refused(kind: Any) -> None:
    """SciPy's are taken, and torch's can be made dense."""
    with pytest.raises(TypeError, match=rf"{kind.__name__} takes dense .* to_dense"):
        kind().fit(TENSOR.to_sparse(), Y)


@pytest.mark.parametrize("kind", [CNNClassifier, ImageClassifier])
def test_images_may_be_tensors(kind: Any) -> None:
    """Of any floating type, as tables may."""
    parameters = dict(placed.PLACED[kind.__name__].parameters, augmenter=None)
    images = torch.from_numpy(placed.IMAGES).float() / 255
    y = np.arange(len(images)) % 2
    model = kind(**parameters).fit(images.bfloat16(), y)
    found = model.predict_proba(images.bfloat16())
    np.testing.assert_allclose(found, model.predict_proba(images), atol=0.05)
