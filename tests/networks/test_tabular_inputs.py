"""Tests of how columns become features."""

import copy
import pickle

import numpy as np
import pytest
import torch

from skdeep.networks._numeric_embeddings import (
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
)
from skdeep.networks._tabular_inputs import TabularInputs


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _embedding(kind, n_numeric=3):
    if kind == "ple":
        edges = [np.linspace(-1.0, 1.0, 5)] * n_numeric
        return PiecewiseLinearEmbedding(
            edges, 5, dtype=torch.float64, generator=_generator(1)
        )
    if kind == "periodic":
        return PeriodicEmbedding(
            n_numeric, 5, dtype=torch.float64, generator=_generator(1)
        )
    return None


def _inputs(n_numeric=3, onehot_sizes=(2, 4), cardinalities=(9, 30), kind=None):
    return TabularInputs(
        n_numeric,
        onehot_sizes=onehot_sizes,
        cardinalities=cardinalities,
        category_dim=6,
        numeric_embedding=_embedding(kind, n_numeric) if n_numeric else None,
        dtype=torch.float64,
        generator=_generator(),
    )


def _rows(n_rows=10, n_numeric=3, n_onehot=6, cardinalities=(9, 30)):
    rng = np.random.default_rng(0)
    codes = [rng.integers(0, size + 1, n_rows) for size in cardinalities]
    numbers = rng.normal(size=(n_rows, n_numeric))
    onehot = rng.integers(0, 2, size=(n_rows, n_onehot))
    return torch.from_numpy(np.column_stack([numbers, onehot, *codes]).astype(float))


@pytest.mark.parametrize("kind", [None, "ple", "periodic"])
def test_parts_are_embedded_and_joined_in_order(kind):
    """Numbers, one-hot columns as they are, then the vectors of categories."""
    inputs, x = _inputs(kind=kind), _rows()
    numbers = x[:, :3] if kind is None else inputs.numeric(x[:, :3])
    expected = torch.cat([numbers, x[:, 3:9], inputs.categories(x[:, 9:])], dim=1)
    assert torch.equal(inputs(x), expected)
    assert inputs(x).shape == (10, inputs.n_outputs)
    assert inputs.n_columns == 11
    each = [1] * 3 if kind is None else [5] * 3
    assert inputs.group_sizes == [*each, 2, 4, 6, 6]
    assert sum(inputs.group_sizes) == inputs.n_outputs


@pytest.mark.parametrize("kind", [None, "ple"])
@pytest.mark.parametrize("n_numeric", [0, 3])
@pytest.mark.parametrize("onehot_sizes", [(), (2, 4)])
@pytest.mark.parametrize("cardinalities", [(), (9, 30)])
def test_any_part_may_be_missing(kind, n_numeric, onehot_sizes, cardinalities):
    """Tables have numbers, few categories, many categories, or some of these."""
    inputs = _inputs(n_numeric, onehot_sizes, cardinalities, kind)
    x = _rows(10, n_numeric, sum(onehot_sizes), cardinalities)
    features = inputs(x)
    dim = 5 if kind and n_numeric else 1
    width = dim * n_numeric + sum(onehot_sizes) + 6 * len(cardinalities)
    assert features.shape == (10, width) == (10, inputs.n_outputs)
    assert sum(inputs.group_sizes) == width


def test_plain_numbers_pass_as_they_are():
    """Without embeddings nothing is copied."""
    inputs, x = _inputs(cardinalities=()), _rows(cardinalities=())
    assert inputs(x) is x


@pytest.mark.parametrize("shape", [(10, 10), (10, 12), (11,)])
def test_rows_of_another_width_are_refused(shape):
    """A column too few or too many would shift all that follow."""
    with pytest.raises(ValueError, match=r"rows of 11 columns .*\[3, 6, 2\].* Got"):
        _inputs()(torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize("kind", [None, "ple", "periodic"])
def test_copies_say_the_same(kind):
    """A pickle, a deep copy and a second draw of the seed equal the first."""
    inputs, x = _inputs(kind=kind), _rows()
    twins = (
        _inputs(kind=kind),
        copy.deepcopy(inputs),
        pickle.loads(pickle.dumps(inputs)),
    )
    for twin in twins:
        assert torch.equal(twin(x), inputs(x))
