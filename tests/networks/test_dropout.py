"""Tests of dropout by an explicit generator."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from skdeep.networks import GeneratorDropout, attach_generator, detach_generators


def _dropout(p, seed=0):
    dropout = GeneratorDropout(p)
    dropout.generator = torch.Generator().manual_seed(seed)
    return dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_of_zeros_is_p(p, dtype):
    """Elements are dropped with the stated probability, within five deviations."""
    n = 100_000
    dropped = _dropout(p)(torch.ones(n, dtype=dtype)) == 0.0
    assert dropped.double().mean().item() == pytest.approx(
        p, abs=5.0 * (p * (1.0 - p) / n) ** 0.5
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_small_p_is_kept_in_half_precision(dtype):
    """A probability below the resolution of the dtype still drops its share."""
    n, p = 200_000, 0.001
    n_dropped = (_dropout(p)(torch.ones(n, dtype=dtype)) == 0.0).sum().item()
    assert n_dropped == pytest.approx(n * p, abs=5.0 * (n * p) ** 0.5)


def test_survivors_are_scaled_and_gradients_masked_alike():
    """What is kept is divided by 1 - p, and so is its gradient."""
    x = torch.linspace(1.0, 2.0, 1000, dtype=torch.float64, requires_grad=True)
    result = _dropout(0.2)(x)
    result.sum().backward()
    assert x.grad is not None
    values = x.detach().numpy()
    kept = result.detach().numpy() != 0.0
    assert 0 < kept.sum() < 1000
    np.testing.assert_allclose(result.detach().numpy(), np.where(kept, values / 0.8, 0))
    np.testing.assert_allclose(x.grad.numpy(), np.where(kept, 1.0 / 0.8, 0.0))


def test_input_is_left_alone():
    """Dropout does not work in place."""
    x = torch.ones(1000)
    _dropout(0.5)(x)
    assert torch.equal(x, torch.ones(1000))


def test_rows_and_units_are_dropped_independently():
    """Masks of neighbouring rows and of neighbouring units are uncorrelated."""
    mask = (_dropout(0.4)(torch.ones(2000, 50)) != 0.0).double().numpy()
    n = mask.size
    across_rows = np.corrcoef(mask[1:].ravel(), mask[:-1].ravel())[0, 1]
    across_units = np.corrcoef(mask[:, 1:].ravel(), mask[:, :-1].ravel())[0, 1]
    assert abs(across_rows) < 5.0 / n**0.5
    assert abs(across_units) < 5.0 / n**0.5


def test_same_seed_draws_the_same_masks():
    """The sequence of masks is a function of the generator's seed alone."""
    x = torch.ones(20, 30)
    first, second, other = _dropout(0.5, 7), _dropout(0.5, 7), _dropout(0.5, 8)
    one, two = first(x), first(x)
    assert not torch.equal(one, two)
    assert torch.equal(one, second(x))
    assert torch.equal(two, second(x))
    assert not torch.equal(one, other(x))


def test_evaluation_mode_returns_its_input():
    """Nothing is dropped, scaled or drawn in evaluation mode."""
    dropout = _dropout(0.5).eval()
    state = dropout.generator.get_state()
    x = torch.ones(10)
    assert dropout(x) is x
    assert torch.equal(dropout.generator.get_state(), state)


def test_zero_p_returns_its_input_without_a_generator():
    """With p=0 there is nothing to draw."""
    x = torch.ones(10)
    assert GeneratorDropout(0.0)(x) is x


def test_missing_generator_is_an_error():
    """A layer that would have to draw by the global generator refuses."""
    with pytest.raises(RuntimeError, match=r"p=0\.5\) has no generator .*Call attach"):
        GeneratorDropout(0.5)(torch.ones(3))


def test_global_generator_is_not_moved():
    """torch's own random state stays where it was."""
    state = torch.get_rng_state()
    _dropout(0.5)(torch.ones(100))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, float("nan")])
def test_invalid_p_is_refused(p):
    """The probability lies in [0, 1)."""
    with pytest.raises(ValueError, match=rf"range \[0\.0, 1\.0\)\. Got {p!r} instead"):
        GeneratorDropout(p)


@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))],
    ids=["deepcopy", "pickle"],
)
def test_generator_stays_behind_in_copies(duplicate):
    """Copies have no generator, the original keeps its own."""
    dropout = _dropout(0.25)
    twin = duplicate(dropout)
    assert twin.generator is None
    assert twin.p == 0.25
    assert twin.training
    assert dropout.generator is not None


def test_pickle_is_small():
    """The five kilobytes of a generator's state are not written."""
    assert len(pickle.dumps(_dropout(0.25))) < 1000


def test_repr_shows_p():
    """A printed network tells how much it drops."""
    assert repr(GeneratorDropout(0.25)) == "GeneratorDropout(p=0.25)"


def test_generators_are_attached_and_detached_in_depth():
    """Nested dropout layers all get the one generator, and all lose it."""
    inner, outer = GeneratorDropout(0.1), GeneratorDropout(0.2)
    module = nn.Sequential(outer, nn.Sequential(nn.ReLU(), inner))
    generator = torch.Generator()
    attach_generator(module, generator)
    assert inner.generator is generator
    assert outer.generator is generator
    detach_generators(module)
    assert inner.generator is None
    assert outer.generator is None


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_share_multiplies_the_probability(share):
    """With a share of s as many are dropped, and the rest scaled, as with p * s."""
    n, p = 100_000, 0.6
    dropout = _dropout(p)
    dropout.p_share = share
    dropped = dropout(torch.ones(n, dtype=torch.float64))
    expected = _dropout(p * share)(torch.ones(n, dtype=torch.float64))
    assert torch.equal(dropped, expected)
    zeros = (dropped == 0).double().mean().item()
    assert zeros == pytest.approx(p * share, abs=5.0 * (p * share / n) ** 0.5)
    assert dropped.max().item() == pytest.approx(1 / (1 - p * share))


def test_share_belongs_to_a_training():
    """Copies, files and detached layers have a share of one again."""
    dropout = _dropout(0.5)
    dropout.p_share = 0.25
    assert copy.deepcopy(dropout).p_share == 1.0
    assert pickle.loads(pickle.dumps(dropout)).p_share == 1.0
    assert dropout.p_share == 0.25
    detach_generators(nn.Sequential(dropout))
    assert dropout.p_share == 1.0
    dropout.p_share = 0.25
    attach_generator(nn.Sequential(dropout), torch.Generator())
    assert dropout.p_share == 1.0


def test_share_of_zero_needs_no_generator():
    """Nothing is drawn, and the input is returned as it is."""
    dropout = GeneratorDropout(0.5)
    dropout.p_share = 0.0
    x = torch.ones(3)
    assert dropout(x) is x
