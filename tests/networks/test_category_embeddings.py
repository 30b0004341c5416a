"""Tests of the vectors of categories."""

import copy
import pickle

import numpy as np
import pytest
import torch

from skdeep.networks._category_embeddings import CategoryEmbedding

SIZES = [3, 1, 12]


def _embedding(dim=4, dtype=torch.float64, sizes=SIZES):
    generator = torch.Generator().manual_seed(0)
    return CategoryEmbedding(sizes, dim, dtype=dtype, generator=generator)


def _codes(n_rows=30):
    rng = np.random.default_rng(0)
    return np.column_stack([rng.integers(0, size + 1, n_rows) for size in SIZES])


def test_codes_find_their_vectors():
    """Each column looks into a table of its own, with code 0 in front."""
    module, codes = _embedding(), _codes()
    tables = np.split(module.weight.detach().numpy(), [4, 6])
    expected = np.hstack([tables[i][codes[:, i]] for i in range(3)])
    for given in (torch.from_numpy(codes), torch.from_numpy(codes).float()):
        np.testing.assert_array_equal(module(given).detach().numpy(), expected)
    assert module(torch.from_numpy(codes)).shape == (30, module.n_outputs)


@pytest.mark.parametrize("code", [4.0, 1e6, -1.0, float("nan"), float("inf")])
def test_unknown_codes_count_as_missing(code):
    """What is no category of the column finds no vector of another column."""
    module = _embedding()
    missing = module(torch.tensor([[0.0, 1.0, 2.0]]))
    assert torch.equal(module(torch.tensor([[code, 1.0, 2.0]])), missing)


def test_large_codes_are_exact_in_single_precision():
    """Codes below 2**24 survive as float32."""
    size = 300_001
    module = _embedding(dim=1, sizes=[size])
    code = torch.tensor([[float(size)], [float(size - 1)]])
    expected = module.weight.detach()[[size, size - 1]]
    assert torch.equal(module(code).detach(), expected)


def test_vectors_start_standard_normal():
    """All vectors, those of missing values among them, are N(0, 1)."""
    weight = _embedding(dim=8, sizes=[500, 2000]).weight.detach()
    assert weight.shape == (2502, 8)
    assert weight.mean().item() == pytest.approx(0.0, abs=0.03)
    assert weight.var().item() == pytest.approx(1.0, rel=0.03)


def test_gradient_is_dense_and_reaches_the_vectors_used():
    """The flat buffer of the engine takes no sparse gradients."""
    module = _embedding()
    module(torch.tensor([[3.0, 0.0, 5.0], [3.0, 1.0, 0.0]])).sum().backward()
    gradient = module.weight.grad
    assert gradient.layout == torch.strided
    expected = np.zeros(19)
    expected[[3, 3, 4, 5, 11, 6]] = [2.0, 2.0, 1.0, 1.0, 1.0, 1.0]
    np.testing.assert_array_equal(gradient.numpy(), np.outer(expected, np.ones(4)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_copies_say_the_same(dtype):
    """A pickle, a deep copy and a second draw of the seed equal the first."""
    module, codes = _embedding(dtype=dtype), torch.from_numpy(_codes())
    twins = (
        _embedding(dtype=dtype),
        copy.deepcopy(module),
        pickle.loads(pickle.dumps(module)),
    )
    for twin in twins:
        assert twin(codes).dtype == dtype
        assert torch.equal(twin(codes), module(codes))
        assert repr(twin) == "CategoryEmbedding(n_columns=3, n_vectors=19, dim=4)"
