"""Tests of all parameters of a module in one buffer."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skdeep.training._flat import (
    FlatParameters,
    copy_all,
    decaying_parameters,
    float_buffers,
    write_all,
)


def inside(part: torch.Tensor, whole: torch.Tensor) -> bool:
    """Tell whether a tensor lies in the memory of another."""
    return part.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr()


def test_weights_come_before_vectors(make_module: Any) -> None:
    """Matrices lie first and vectors after, each kind in the module's own order."""
    module = make_module((3, 4, 2), norm=True)
    named = copy.deepcopy(dict(module.named_parameters()))
    flat = FlatParameters(module)
    names = ["0.weight", "3.weight", "0.bias", "1.weight", "1.bias", "3.bias"]
    expected = torch.cat([named[name].reshape(-1) for name in names])
    assert torch.equal(flat.parameter, expected)
    assert torch.equal(flat.weights, expected[: 3 * 4 + 4 * 2])
    assert flat.weight_grads.shape == flat.weights.shape


def names_that_decay(module: nn.Module) -> set[str]:
    """Return the names of the parameters that decay."""
    found = {id(parameter) for parameter in decaying_parameters(module)}
    return {name for name, p in module.named_parameters() if id(p) in found}


class Scale(nn.Module):
    """A foreign layer, with a matrix that is no weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.position = nn.Parameter(torch.ones(2, 3))


class NormOfMine(Scale):
    """A foreign layer that is called a normalization."""


class Declared(Scale):
    """A layer that says itself what decays."""

    decaying_parameters = ("position",)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (nn.Linear(2, 3), {"weight"}),
        (nn.Conv2d(1, 2, 3), {"weight"}),
        (nn.Embedding(2, 3), {"weight"}),
        (nn.MultiheadAttention(4, 2), {"in_proj_weight", "out_proj.weight"}),
        (nn.GRU(2, 3), {"weight_ih_l0", "weight_hh_l0"}),
        (
            # What a weight is computed from stands for it.
            nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)),
            {f"parametrizations.weight.original{k}" for k in (0, 1)},
        ),
        (nn.PReLU(), set()),
        (nn.LayerNorm((2, 3)), set()),
        (nn.BatchNorm2d(3), set()),
        (Scale(), {"weight"}),
        (NormOfMine(), set()),
        (Declared(), {"position"}),
        (type("Kind", (Declared,), {"decaying_parameters": ()})(), set()),
        (nn.Sequential(Scale(), Declared()), {"0.weight", "1.position"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_layers_say_what_decays(part: nn.Module, expected: set[str]) -> None:
    """By a declaration, or by the names of their parameters; never by rank."""
    assert names_that_decay(part) == expected
    n_weights = sum(p.numel() for n, p in part.named_parameters() if n in expected)
    assert len(FlatParameters(part).weights) == n_weights


def test_flattening_changes_no_value(make_module: Any) -> None:
    """The module computes what it computed before."""
    module = make_module()
    X = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)
    before = module(X)
    FlatParameters(module)
    assert torch.equal(module(X), before)


def test_parameters_and_gradients_are_views_while_it_trains(make_module: Any) -> None:
    """What is written in the buffer is in the module, and gradients the other way."""
    module = make_module()
    flat = FlatParameters(module)
    for parameter in module.parameters():
        assert inside(parameter, flat.parameter)
        assert parameter.grad is not None
        assert inside(parameter.grad, flat.grad)
    assert flat.parameter.grad is flat.grad
    twin = copy.deepcopy(module)
    X = torch.ones(2, 3, dtype=torch.float64)
    module(X).sum().backward()
    twin.zero_grad()
    twin(X).sum().backward()
    for mine, other in zip(module.parameters(), twin.parameters(), strict=True):
        assert torch.equal(mine.grad, other.grad)
    assert flat.grad.abs().sum() > 0
    assert inside(module[0].weight.grad, flat.grad)
    with torch.no_grad():
        flat.parameter.fill_(3.0)
    assert all((p == 3.0).all() for p in module.parameters())
    flat.clear()
    assert all((p.grad == 0).all() for p in module.parameters())


def test_release_gives_memory_of_its_own(make_module: Any) -> None:
    """After release every parameter owns just its bytes and no gradient."""
    module = make_module()
    flat = FlatParameters(module)
    before = copy.deepcopy(module.state_dict())
    flat.release()
    for parameter in module.parameters():
        assert parameter.grad is None
        assert not inside(parameter, flat.parameter)
        n_bytes = parameter.untyped_storage().nbytes()
        assert n_bytes == parameter.numel() * parameter.element_size()
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


def test_release_makes_pickles_small(make_module: Any) -> None:
    """A pickled view would take the whole buffer along, once for each parameter."""
    module = make_module((40, 50, 60, 1))
    n_bytes = sum(p.numel() * p.element_size() for p in module.parameters())
    flat = FlatParameters(module)
    assert len(pickle.dumps(module)) > 3 * n_bytes
    flat.release()
    assert len(pickle.dumps(module)) < n_bytes + 5000


def test_snapshot_is_a_copy_that_restores(make_module: Any) -> None:
    """A snapshot does not follow the training, and comes back bit for bit."""
    module = make_module()
    flat = FlatParameters(module)
    kept = copy.deepcopy(module.state_dict())
    snapshot = flat.snapshot()
    with torch.no_grad():
        flat.parameter.add_(1.0)
    assert not snapshot.requires_grad
    assert not torch.equal(snapshot, flat.parameter)
    flat.restore(snapshot)
    for name, value in module.state_dict().items():
        assert torch.equal(value, kept[name])
    assert inside(module[0].weight, flat.parameter)


def test_frozen_parameters_stay_out(make_module: Any) -> None:
    """Only what requires a gradient is laid in the buffer."""
    module = make_module()
    module[0].requires_grad_(requires_grad=False)
    frozen = module[0].weight.data_ptr()
    flat = FlatParameters(module)
    assert flat.parameter.numel() == 5 + 1
    assert module[0].weight.data_ptr() == frozen
    assert module[0].weight.grad is None


def test_shared_parameter_lies_there_once(make_module: Any) -> None:
    """Tied layers stay tied."""
    module = make_module((3, 3, 3))
    module[2].weight = module[0].weight
    flat = FlatParameters(module)
    assert flat.parameter.numel() == 9 + 3 + 3
    flat.release()
    assert module[2].weight is module[0].weight


def test_layout_of_memory_is_no_matter() -> None:
    """A transposed parameter keeps its values."""
    values = torch.arange(6.0).reshape(2, 3)
    module = nn.Module()
    module.weight = nn.Parameter(values.T)
    flat = FlatParameters(module)
    assert torch.equal(module.weight, values.T)
    assert flat.parameter.tolist() == values.T.reshape(-1).tolist()


def test_float_buffers_leave_counters_out(make_module: Any) -> None:
    """Means and variances can be averaged, the number of batches cannot."""
    module = make_module((3, 4, 2), norm=True)
    names = {id(buffer): name for name, buffer in module.named_buffers()}
    assert [names[id(buffer)] for buffer in float_buffers(module)] == [
        "1.running_mean",
        "1.running_var",
    ]


def test_write_all_undoes_what_followed_copy_all() -> None:
    """Copies are independent and are written back in place."""
    tensors = [torch.ones(2), torch.zeros(3)]
    kept = copy_all(tensors)
    for tensor in tensors:
        tensor.add_(5)
    write_all(tensors, kept)
    assert [tensor.tolist() for tensor in tensors] == [[1, 1], [0, 0, 0]]
    with pytest.raises(ValueError, match="shorter"):
        write_all(tensors, kept[:1])


def test_groups_are_neighbours_of_one_factor(make_module: Any) -> None:
    """Weights come first, so the two factors of two layers make four groups."""
    module = make_module((3, 5, 1))
    flat = FlatParameters(module, {"0.weight": 0.5, "0.bias": 0.5})
    sizes = [(len(piece), factor) for (piece,), factor in flat.groups]
    assert sizes == [(15, 0.5), (5, 1.0), (5, 0.5), (1, 1.0)]
    (first,), _ = flat.groups[0]
    first.detach().zero_()
    assert not module[0].weight.any()
    module[2].weight.grad.fill_(3.0)
    (second,), _ = flat.groups[1]
    assert second.grad is not None
    assert second.grad.tolist() == [3.0] * 5


def test_factors_of_one_leave_one_group(make_module: Any) -> None:
    """Without factors, or with ones, the optimizer has a single parameter."""
    flat = FlatParameters(make_module(), {"0.weight": 1.0})
    assert flat.groups == [([flat.parameter], 1.0)]


def test_decay_is_scaled_by_the_factor(make_module: Any) -> None:
    """A weight whose rate is halved decays half as much; biases do not decay."""
    module = make_module((2, 2, 1))
    before = [parameter.detach().clone() for parameter in module.parameters()]
    FlatParameters(module, {"0.weight": 0.5, "0.bias": 0.5}).decay(0.1)
    shares = [0.95, 1.0, 0.9, 1.0]
    for now, then, share in zip(module.parameters(), before, shares, strict=True):
        np.testing.assert_allclose(now.detach(), share * then, rtol=1e-12)
