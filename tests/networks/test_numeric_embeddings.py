"""Tests of the embeddings of numbers against their formulas."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch

from skdeep.networks._numeric_embeddings import (
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
)
from skdeep.training._flat import FlatParameters

EDGES = [
    np.array([-1.0, -0.5, 0.0, 2.0]),
    np.array([0.0, 1.0]),
    np.array([3.0]),
    np.array([-2.0, 0.1, 0.2, 0.4, 5.0]),
    np.array([-7.0, -7.0]),
]


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _inputs(n_rows, n_columns):
    values = 2.0 * np.random.default_rng(0).normal(size=(n_rows, n_columns))
    return torch.from_numpy(values)


def _piecewise(dim=3, dtype=torch.float64, edges=EDGES):
    """Return an embedding whose bins are in use."""
    module = PiecewiseLinearEmbedding(edges, dim, dtype=dtype, generator=_generator())
    values = np.random.default_rng(1).normal(size=module.weight.shape)
    module.weight.data.copy_(torch.from_numpy(values))
    return module


def _numpy(tensor):
    return tensor.detach().double().numpy()


def _components(x, edges):
    """Return clip((x - e_t) / (e_t+1 - e_t), 0, 1), open at both ends, by the book."""
    n_bins = max(len(edges) - 1, 0)
    result = np.zeros((len(x), n_bins))
    for t in range(n_bins):
        share = (x - edges[t]) / (edges[t + 1] - edges[t])
        if t > 0:
            share = np.maximum(share, 0.0)
        if t < n_bins - 1:
            share = np.minimum(share, 1.0)
        result[:, t] = share
    return result


def _piecewise_by_hand(module, x, edges=EDGES):
    columns = []
    weight = _numpy(module.weight)
    slope = _numpy(module.slope).reshape(len(edges), -1)
    intercept = _numpy(module.intercept).reshape(len(edges), -1)
    for f, points in enumerate(map(np.unique, edges)):
        bins = _components(x[:, f], points)
        linear = np.outer(x[:, f], slope[f]) + intercept[f]
        columns.append(linear + bins @ weight[f, :, : bins.shape[1]].T)
    return np.hstack(columns)


def test_piecewise_linear_is_the_formula():
    """Linear part and bins, with different numbers of bins and none at all."""
    module, x = _piecewise(), _inputs(50, 5)
    assert module(x).shape == (50, 15)
    expected = _piecewise_by_hand(module, _numpy(x))
    np.testing.assert_allclose(_numpy(module(x)), expected, rtol=1e-12, atol=1e-12)


def test_piecewise_linear_at_the_edges_sums_up_whole_bins():
    """At edge t the first t bins are full and the others empty."""
    edges = [np.array([-1.0, 0.0, 0.5, 4.0])]
    module = _piecewise(edges=edges)
    x = torch.from_numpy(edges[0]).unsqueeze(1)
    full = np.cumsum(_numpy(module.weight)[0], axis=1).T
    expected = _numpy(x) * _numpy(module.slope) + _numpy(module.intercept)
    expected[1:] += full
    np.testing.assert_allclose(_numpy(module(x)), expected, atol=1e-12)


def test_piecewise_linear_goes_on_straight_beyond_the_ends():
    """Three points outside the edges lie on a line that the end bin continues."""
    module = _piecewise(edges=[np.array([-1.0, 0.0, 0.5, 4.0])])
    for points in ([-101.0, -51.0, -1.0], [4.0, 104.0, 204.0]):
        first, middle, last = module(torch.tensor(points).double().unsqueeze(1))
        torch.testing.assert_close(last - middle, middle - first)
        assert (last - first).abs().min() > 1.0


def test_piecewise_linear_starts_linear():
    """Bins begin at zero, the linear part fills +-1 / sqrt(dim) evenly."""
    edges = [np.linspace(0.0, 1.0, 5)] * 200
    module = PiecewiseLinearEmbedding(
        edges, 16, dtype=torch.float64, generator=_generator()
    )
    assert not module.weight.any()
    for parameter in (module.slope, module.intercept):
        assert parameter.shape == (3200,)
        assert 0.24 < parameter.abs().max() <= 0.25
        assert parameter.var().item() == pytest.approx(0.25**2 / 3.0, rel=0.05)


def test_piecewise_linear_gradients_are_those_of_the_formula():
    """Checked against finite differences, towards the inputs as well."""
    module = _piecewise(dim=2)
    x = _inputs(6, 5).requires_grad_()
    parameters = {name: p.detach() for name, p in module.named_parameters()}

    def call(x, *values):
        named = dict(zip(parameters, values, strict=True))
        return torch.func.functional_call(module, named, (x,))

    values = [p.clone().requires_grad_() for p in parameters.values()]
    torch.autograd.gradcheck(call, (x, *values))


def test_piecewise_linear_leaves_padding_idle():
    """Places of bins that a column does not have get no gradient."""
    module = _piecewise()
    module(_inputs(20, 5)).square().sum().backward()
    n_bins = [3, 1, 0, 4, 0]
    for column, count in enumerate(n_bins):
        assert module.weight.grad[column, :, :count].all()
        assert not module.weight.grad[column, :, count:].any()


def test_piecewise_linear_decays_in_its_bins_only():
    """The engine counts the linear part among the biases."""
    module = _piecewise()
    assert len(FlatParameters(module).weights) == module.weight.numel()


def test_piecewise_linear_without_any_bin_is_linear():
    """All columns may be constant."""
    edges = [np.array([1.0]), np.array([2.0])]
    module, x = _piecewise(edges=edges), _inputs(4, 2)
    expected = _piecewise_by_hand(module, _numpy(x), edges)
    np.testing.assert_allclose(_numpy(module(x)), expected, atol=1e-12)


def test_piecewise_linear_merges_edges_that_the_dtype_cannot_tell_apart():
    """Edges equal in single precision are one, and nothing is divided by zero."""
    near = [np.array([0.0, 1.0, 1.0 + 1e-12, 2.0]), np.array([1e-45, 2e-45, 1.0])]
    module = _piecewise(dtype=torch.float32, edges=near)
    merged = [np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0])]
    x = _inputs(30, 2)
    expected = _piecewise_by_hand(module, _numpy(x), merged)
    np.testing.assert_allclose(_numpy(module(x.float())), expected, atol=1e-5)


def test_piecewise_linear_is_exact_far_from_zero():
    """A year is placed within its bin as exactly as a standardised number."""
    edges = [np.linspace(2000.0, 2001.0, 65)]
    module = _piecewise(dtype=torch.float32, edges=edges)
    x = torch.from_numpy(np.random.default_rng(0).uniform(2000, 2001, (50, 1))).float()
    torch.nn.init.zeros_(module.slope)
    expected = _piecewise_by_hand(module, _numpy(x), edges)
    np.testing.assert_allclose(_numpy(module(x)), expected, atol=2e-5)


@pytest.mark.parametrize(
    "bad", [[1.0, 0.0], [0.0, math.nan], [0.0, math.inf], [[0.0]], []]
)
def test_edges_that_make_no_bins_are_refused(bad):
    """Edges are a vector, finite and ascending."""
    with pytest.raises(ValueError, match=r"'edges' parameter must .* Got \["):
        PiecewiseLinearEmbedding([[0.0, 1.0], bad], 4, generator=_generator())


def _periodic_by_hand(module, x, factor):
    n = module.n_columns
    wave = _numpy(module.wave).reshape(n, -1, 2) * factor
    weight = _numpy(module.weight).reshape(n, -1, wave.shape[1]) * factor
    bias = _numpy(module.bias).reshape(n, -1) * factor
    columns = []
    for f in range(n):
        turned = 2.0 * np.pi * np.outer(x[:, f], wave[f, :, 0]) + wave[f, :, 1]
        columns += [np.cos(turned) @ weight[f].T + bias[f], x[:, [f]]]
    return np.hstack(columns)


@pytest.mark.parametrize("factor", [0.1, 1.0])
@pytest.mark.parametrize("dim", [2, 4])
def test_periodic_is_the_formula(factor, dim):
    """Mixtures of waves, then the column itself."""
    module = PeriodicEmbedding(
        3, dim, rate_factor=factor, dtype=torch.float64, generator=_generator()
    )
    x = _inputs(40, 3)
    assert module(x).shape == (40, 3 * dim) == (40, module.n_outputs)
    expected = _periodic_by_hand(module, _numpy(x), factor)
    np.testing.assert_allclose(_numpy(module(x)), expected, atol=1e-12)


def test_periodic_rate_factor_does_not_change_the_start():
    """The same seed is the same function of the inputs under any factor."""
    x = _inputs(20, 3)
    plain, slow = (
        PeriodicEmbedding(3, rate_factor=c, dtype=torch.float64, generator=_generator())
        for c in (1.0, 0.1)
    )
    torch.testing.assert_close(plain(x), slow(x))
    assert not torch.equal(plain.weight, slow.weight)


def test_periodic_rate_factor_scales_a_step_of_adam():
    """A first step moves what is used by the factor times the learning rate."""
    module = PeriodicEmbedding(3, dtype=torch.float64, generator=_generator())
    before = {name: 0.1 * p.detach() for name, p in module.named_parameters()}
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2, eps=0.0)
    module(_inputs(20, 3)).square().sum().backward()
    optimizer.step()
    for name, parameter in module.named_parameters():
        moved = (0.1 * parameter.detach() - before[name]).abs()
        torch.testing.assert_close(moved, torch.full_like(moved, 1e-3))


def test_periodic_starts_from_the_published_distributions():
    """Frequencies N(0, scale), phases U(-pi, pi), mixtures U(-1/4, 1/4)."""
    module = PeriodicEmbedding(
        500, frequency_scale=0.3, dtype=torch.float64, generator=_generator()
    )
    frequency, phase = (0.1 * module.wave.detach()).view(-1, 2).T
    assert frequency.std().item() == pytest.approx(0.3, rel=0.03)
    assert frequency.abs().max() > 0.9
    assert 3.13 < phase.abs().max() <= math.pi
    assert phase.var().item() == pytest.approx(math.pi**2 / 3.0, rel=0.05)
    for parameter in (module.weight, module.bias):
        values = 0.1 * parameter.detach()
        assert 0.24 < values.abs().max() <= 0.25 + 1e-12
        assert values.var().item() == pytest.approx(0.25**2 / 3.0, rel=0.1)


def test_periodic_gradients_are_those_of_the_formula():
    """Checked against finite differences."""
    module = PeriodicEmbedding(
        2, 3, n_frequencies=3, dtype=torch.float64, generator=_generator()
    )
    names = [name for name, _ in module.named_parameters()]
    x = _inputs(4, 2).requires_grad_()

    def call(x, *values):
        named = dict(zip(names, values, strict=True))
        return torch.func.functional_call(module, named, (x,))

    values = [p.detach().clone().requires_grad_() for p in module.parameters()]
    torch.autograd.gradcheck(call, (x, *values))


def test_periodic_needs_an_output_beside_the_column():
    """A single output would be the column alone."""
    with pytest.raises(ValueError, match=r"'dim' parameter .* Got 1 instead"):
        PeriodicEmbedding(3, 1, generator=_generator())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["piecewise", "periodic"])
def test_copies_say_the_same(kind, dtype):
    """A pickle, a deep copy and a second draw of the seed equal the first."""
    x = _inputs(10, 5).to(dtype)

    def make():
        if kind == "piecewise":
            return _piecewise(dtype=dtype)
        return PeriodicEmbedding(5, dtype=dtype, generator=_generator())

    module = make()
    assert module(x).dtype == dtype
    for twin in (make(), copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(twin(x), module(x))
        assert repr(twin) == repr(module)


def test_dtypes_start_at_the_same_numbers():
    """Single precision is double precision rounded; a module can be cast."""
    x = _inputs(10, 5)
    single, double = _piecewise(dtype=torch.float32), _piecewise(dtype=torch.float64)
    torch.testing.assert_close(single.slope, double.slope.float(), rtol=0, atol=0)
    torch.testing.assert_close(double(x), single.double()(x), rtol=1e-5, atol=1e-4)
    assert torch.isfinite(double.float()(x.float())).all()
