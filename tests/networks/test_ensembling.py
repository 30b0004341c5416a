"""Tests of the parts of ensembles against members by themselves."""

import copy
import functools
import pickle
from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy.special import expit, logit, softmax
from torch import nn

from skdeep.networks._ensembling import (
    EnsembleAdapter,
    EnsembleHead,
    MemberBatchNorm,
    combine,
)
from skdeep.networks._ntk import NTKLinear
from skdeep.training._flat import FlatParameters


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _random(*shape, seed=0, dtype=torch.float64):
    values = np.random.default_rng(seed).normal(size=shape)
    return torch.from_numpy(values).to(dtype)


def _numpy(tensor):
    return tensor.detach().double().numpy()


def _adapter(sizes=(1, 1, 3), distribution="signs", n_members=4, dtype=torch.float64):
    return EnsembleAdapter(
        n_members,
        sizes,
        distribution=distribution,
        dtype=dtype,
        generator=_generator(),
    )


@pytest.mark.parametrize("distribution", ["signs", "normal"])
def test_adapter_multiplies_each_members_inputs(distribution):
    """Member by member it is a product of columns."""
    adapter, x = _adapter(distribution=distribution), _random(20, 5)
    factors = _numpy(adapter.weight)
    for member in range(4):
        expected = _numpy(x) * factors[member]
        np.testing.assert_array_equal(_numpy(adapter(x))[:, member], expected)


def test_adapter_starts_with_one_draw_for_each_feature():
    """Inputs that stem from the same feature start with the same factor."""
    for distribution in ("signs", "normal"):
        weight = _adapter([2, 1, 3], distribution).weight
        assert torch.equal(weight[:, 0], weight[:, 1])
        assert torch.equal(weight[:, 3:], weight[:, 3:4].expand(4, 3))
        assert len(weight[0].unique()) <= 3
        assert weight.is_contiguous()


def test_adapter_starts_from_the_distribution():
    """Signs are as often positive as negative; normal factors have unit variance."""
    signs = _adapter([1] * 500, n_members=20).weight.detach()
    assert signs.unique().tolist() == [-1.0, 1.0]
    assert signs.mean().item() == pytest.approx(0.0, abs=0.04)
    normal = _adapter([1] * 500, "normal", n_members=20).weight.detach()
    assert normal.var().item() == pytest.approx(1.0, rel=0.06)
    assert normal.pow(4).mean().item() == pytest.approx(3.0, rel=0.1)


@pytest.mark.parametrize("kind", ["linear", "ntk"])
def test_adapter_through_a_layer_is_the_layer_on_the_adapted_inputs(kind):
    """Values and all gradients are the same whether inputs or weights are scaled."""
    adapter, x = _adapter(distribution="normal"), _random(20, 5).requires_grad_()
    if kind == "ntk":
        layer = NTKLinear(5, 6, dtype=torch.float64, generator=_generator(1))
    else:
        layer = nn.utils.skip_init(nn.Linear, 5, 6, dtype=torch.float64)
        layer.weight.data.copy_(_random(6, 5))
        layer.bias.data.copy_(_random(6))
    wanted = [x, adapter.weight, layer.weight, layer.bias]
    weights = _random(80, 6, seed=3)
    results = []
    for output in (adapter.linear(x, layer), layer(adapter(x).flatten(0, 1))):
        assert output.shape == (80, 6)
        gradients = torch.autograd.grad((output * weights).sum(), wanted)
        results.append([output, *gradients])
    for mine, expected in zip(*results, strict=True):
        torch.testing.assert_close(mine, expected)


def test_unknown_distribution_is_refused():
    """There are two."""
    with pytest.raises(ValueError, match=r"must be 'signs' or 'normal'. Got 'ones'"):
        _adapter(distribution="ones")


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("factors", [(1.0, 1.0), (0.25, 0.1)])
def test_head_is_a_linear_map_for_each_member(n_outputs, factors):
    """Member by member it is a product of matrices."""
    head = EnsembleHead(
        4,
        6,
        n_outputs,
        weight_factor=factors[0],
        bias_factor=factors[1],
        dtype=torch.float64,
        generator=_generator(),
    )
    x = _random(20, 4, 6)
    output = head(x)
    assert output.shape == (20, 4, n_outputs)
    weight = factors[0] * _numpy(head.weight)
    bias = factors[1] * _numpy(head.bias).reshape(4, n_outputs)
    for member in range(4):
        expected = _numpy(x)[:, member] @ weight[member].T + bias[member]
        np.testing.assert_allclose(_numpy(output)[:, member], expected, atol=1e-12)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_head_gradients_are_those_of_the_formula(n_outputs):
    """Checked against finite differences."""
    head = EnsembleHead(3, 4, n_outputs, dtype=torch.float64, generator=_generator())

    def call(x, weight, bias):
        named = {"weight": weight, "bias": bias}
        return torch.func.functional_call(head, named, (x,))

    inputs = (_random(5, 3, 4), head.weight.detach(), head.bias.detach())
    torch.autograd.gradcheck(call, [value.requires_grad_() for value in inputs])


@pytest.mark.parametrize("factors", [(1.0, 1.0), (0.25, 0.1)])
def test_head_starts_within_the_bound(factors):
    """Weights and biases, as used, fill +-1 / sqrt(n_inputs) whatever the factors."""
    head = EnsembleHead(
        8,
        16,
        100,
        weight_factor=factors[0],
        bias_factor=factors[1],
        dtype=torch.float64,
        generator=_generator(),
    )
    for parameter, factor in zip((head.weight, head.bias), factors, strict=True):
        values = factor * parameter.detach()
        assert 0.24 < values.abs().max() <= 0.25
        assert values.var().item() == pytest.approx(0.25**2 / 3.0, rel=0.1)


def test_heads_weights_decay_and_its_biases_do_not():
    """The engine tells them apart by their axes."""
    head = EnsembleHead(8, 16, 3, generator=_generator())
    assert len(FlatParameters(head).weights) == 8 * 16 * 3


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_keeps_members_apart(training):
    """Each member is normalised as if it were alone, in training and afterwards."""
    norm = MemberBatchNorm(4, 6, dtype=torch.float64)
    norm.weight.data.copy_(_random(24, seed=1))
    norm.bias.data.copy_(_random(24, seed=2))
    x = _random(20, 4, 6) * torch.arange(1.0, 5.0).view(4, 1) + 3.0
    norm(x.flatten(0, 1))
    norm.train(training)
    output = norm(x.flatten(0, 1)).view(20, 4, 6)
    values = _numpy(x)
    mean, variance = values.mean(axis=0), values.var(axis=0)
    if not training:
        mean, variance = 0.1 * mean, 0.9 + 0.1 * values.var(axis=0, ddof=1)
    expected = (values - mean) / np.sqrt(variance + 1e-5)
    expected = expected * _numpy(norm.weight).reshape(4, 6)
    expected = expected + _numpy(norm.bias).reshape(4, 6)
    np.testing.assert_allclose(_numpy(output), expected, atol=1e-10)


def test_batch_norm_of_one_row_uses_what_it_knows():
    """A single row in training is normalised by the running statistics."""
    norm = MemberBatchNorm(4, 6, dtype=torch.float64)
    norm(_random(40, 6))
    before = copy.deepcopy(norm.state_dict())
    row = _random(4, 6, seed=1)
    in_training = norm(row)
    assert all(torch.equal(before[k], v) for k, v in norm.state_dict().items())
    torch.testing.assert_close(in_training, norm.eval()(row))


def _members(n_outputs=3):
    return _random(20, 5, n_outputs) * 3.0


def test_combined_classes_have_the_mean_probability():
    """A softmax of what comes out is the mean of the members' softmaxes."""
    combined = _numpy(combine(_members(), "multiclass"))
    expected = softmax(_numpy(_members()), axis=2).mean(axis=1)
    np.testing.assert_allclose(np.exp(combined), expected, rtol=1e-12)


@pytest.mark.parametrize(("kind", "n_outputs"), [("binary", 1), ("multilabel", 3)])
def test_combined_labels_have_the_mean_probability(kind, n_outputs):
    """Each output is the logit of the mean of the members' probabilities."""
    members = _members(n_outputs)
    expected = logit(expit(_numpy(members)).mean(axis=1))
    np.testing.assert_allclose(_numpy(combine(members, kind)), expected, atol=1e-10)


def test_combined_numbers_are_the_mean():
    """Of predictions, or of what their logarithms are of."""
    members = _members()
    np.testing.assert_allclose(
        _numpy(combine(members, "mean")), _numpy(members).mean(axis=1)
    )
    expected = np.exp(_numpy(members)).mean(axis=1)
    np.testing.assert_allclose(np.exp(_numpy(combine(members, "log"))), expected)


@pytest.mark.parametrize("kind", ["multiclass", "binary", "multilabel", "mean", "log"])
def test_members_that_agree_are_the_ensemble(kind):
    """The combination of the same output five times over says the same."""
    output = _random(20, 1, 1 if kind == "binary" else 3)
    combined = combine(output.expand(-1, 5, -1), kind)
    if kind == "multiclass":
        output = torch.log_softmax(output, dim=2)
    torch.testing.assert_close(combined, output.squeeze(1))


@pytest.mark.parametrize("kind", ["multiclass", "binary", "multilabel", "log"])
def test_extreme_logits_stay_finite(kind):
    """Members may be certain, for and against, in single precision."""
    output = torch.tensor([[[1e4], [-1e4]], [[1e4], [1e4]], [[-80.0], [-80.0]]])
    if kind == "multiclass":
        output = torch.cat([output, -output], dim=2)
    assert torch.isfinite(combine(output, kind)).all()


def test_combination_of_another_shape_or_kind_is_refused():
    """The members have an axis of their own, and the kinds have names."""
    with pytest.raises(
        ValueError, match=r"n_members, n_outputs\). Got shape \(20, 3\)"
    ):
        combine(_random(20, 3), "mean")
    with pytest.raises(ValueError, match=r"'kind' parameter .* Got 'median'"):
        combine(_members(), cast(Any, "median"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_copies_say_the_same(dtype):
    """A pickle, a deep copy and a second draw of the seed equal the first."""
    make: dict[str, Any] = {
        "adapter": functools.partial(_adapter, dtype=dtype),
        "head": lambda: EnsembleHead(4, 5, 2, dtype=dtype, generator=_generator()),
    }
    inputs = {
        "adapter": _random(6, 5, dtype=dtype),
        "head": _random(6, 4, 5, dtype=dtype),
    }
    for name, build in make.items():
        module, x = build(), inputs[name]
        twins = (build(), copy.deepcopy(module), pickle.loads(pickle.dumps(module)))
        for twin in twins:
            assert twin(x).dtype == dtype
            assert torch.equal(twin(x), module(x))
            assert repr(twin) == repr(module)
