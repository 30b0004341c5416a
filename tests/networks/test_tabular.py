"""Tests of the assembled network against its formula, member by member."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from scipy.special import expit

from skdeep.networks import attach_generator
from skdeep.networks._ensembling import EnsembleHead
from skdeep.networks._ntk import affine
from skdeep.networks._numeric_embeddings import (
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
)
from skdeep.networks._tabular import TabularNetwork
from skdeep.networks._tabular_inputs import TabularInputs
from skdeep.training._flat import FlatParameters, decaying_parameters


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _network(kind=None, widths=(8, 8), n_outputs=3, dtype=torch.float64, **options):
    generator = _generator(options.pop("seed", 0))
    make = {"dtype": dtype, "generator": generator}
    embeddings = {
        None: lambda: None,
        "ple": lambda: PiecewiseLinearEmbedding([[-1.0, 0.0, 1.0]] * 3, 4, **make),
        "periodic": lambda: PeriodicEmbedding(3, 4, **make),
    }
    inputs = TabularInputs(
        3,
        onehot_sizes=[2],
        cardinalities=[9],
        numeric_embedding=embeddings[kind](),
        **make,
    )
    return TabularNetwork(inputs, widths, n_outputs, generator=generator, **options)


def _rows(n_rows=10, dtype=torch.float64):
    rng = np.random.default_rng(0)
    columns = [
        rng.normal(size=(n_rows, 3)),
        rng.integers(0, 2, size=(n_rows, 2)),
        rng.integers(0, 10, size=(n_rows, 1)),
    ]
    return torch.from_numpy(np.hstack(columns)).to(dtype)


def _numpy(tensor):
    return tensor.detach().double().numpy()


def _shaken(network):
    """Give every parameter a value that matters."""
    rng = np.random.default_rng(1)
    for parameter in network.parameters():
        change = torch.from_numpy(rng.normal(size=parameter.shape))
        parameter.data.add_(0.3 * change.to(parameter.dtype))
    return network


def _by_hand(network, x, member, *, residual=False):
    """Compute one member with plain products; hidden layers are sigmoid or mish."""
    z = _numpy(network.inputs(x))
    if network.gate is not None:
        z = z * _numpy(network.gate.weight) * network.gate.rate_factor
    if network.adapter is not None:
        z = z * _numpy(network.adapter.weight)[member]
    for i, layer in enumerate(network.hidden_layers()):
        weight, bias = (_numpy(part) for part in affine(layer.linear))
        before, z = z, z @ weight.T + bias
        activation = layer.after[-1]
        if hasattr(activation, "share"):
            bent = z * np.tanh(np.log1p(np.exp(z)))
            z = z + 0.1 * _numpy(activation.share) * (bent - z)
        else:
            z = expit(z)
        if residual and i > 0:
            z = z + before
    weight, bias = (_numpy(part) for part in affine(network.head))
    if network.adapter is not None:
        weight = weight[member]
        bias = bias.reshape(network.adapter.n_members, -1)[member]
    return z @ weight.T + bias


@pytest.mark.parametrize("n_ensemble", [1, 4])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (None, {"activation": "sigmoid"}),
        ("ple", {"activation": "sigmoid", "residual": True}),
        ("ple", {"activation": "sigmoid", "gate_factor": 6.0}),
        (
            "periodic",
            {
                "activation": "mish",
                "parametric_activation": True,
                "gate_factor": 6.0,
                "parametrization": "ntk",
            },
        ),
    ],
    ids=["plain", "residual", "gate", "realmlp"],
)
def test_network_is_the_formula(kind, n_ensemble, n_outputs, options):
    """Every member is features, gate, factors, hidden layers, head."""
    network = _network(kind, n_outputs=n_outputs, n_ensemble=n_ensemble, **options)
    _shaken(network)
    x = _rows()
    output = network(x)
    if n_ensemble == 1:
        assert output.shape == (10, n_outputs)
        output = output.unsqueeze(1)
    assert output.shape == (10, n_ensemble, n_outputs)
    residual = options.get("residual", False)
    for member in range(n_ensemble):
        expected = _by_hand(network, x, member, residual=residual)
        np.testing.assert_allclose(_numpy(output)[:, member], expected, atol=1e-10)


@pytest.mark.parametrize("n_ensemble", [1, 4])
def test_no_hidden_layer_is_a_linear_model(n_ensemble):
    """Members without hidden layers are affine in the features."""
    network = _shaken(_network(widths=(), n_ensemble=n_ensemble))
    output = _numpy(network(_rows())).reshape(10, n_ensemble, 3)
    for member in range(n_ensemble):
        expected = _by_hand(network, _rows(), member)
        np.testing.assert_allclose(output[:, member], expected, atol=1e-10)


def test_members_differ_from_the_start():
    """Before any step no two members say the same."""
    output = _network(n_ensemble=4, kind="ple")(_rows())
    for a in range(4):
        for b in range(a):
            assert (output[:, a] - output[:, b]).abs().max() > 1e-3


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_members_are_normalised_by_themselves(normalization):
    """A member's output does not change when the others' inputs do."""
    network = _network(n_ensemble=4, normalization=normalization)
    before = network(_rows()).detach()
    network.adapter.weight.data[1:] *= -3.0
    after = network(_rows()).detach()
    torch.testing.assert_close(after[:, 0], before[:, 0])
    assert (after[:, 1] - before[:, 1]).abs().max() > 1e-3


@pytest.mark.parametrize("n_ensemble", [1, 4])
def test_batch_normalised_network_takes_one_row(n_ensemble):
    """The last batch of an epoch may be a single row."""
    network = _network(n_ensemble=n_ensemble, normalization="batch")
    network(_rows())
    output = network(_rows(1))
    torch.testing.assert_close(output, network.eval()(_rows(1)))


def test_embedded_features_share_a_draw_of_the_adapter():
    """One normal draw for each column of the table; signs without embeddings."""
    weight = _numpy(_network("ple", n_ensemble=4).adapter.weight)
    starts, sizes = [0, 4, 8, 12, 14], [4, 4, 4, 2, 8]
    for start, size in zip(starts, sizes, strict=True):
        block = weight[:, start : start + size]
        np.testing.assert_array_equal(block, np.repeat(block[:, :1], size, axis=1))
    assert len(np.unique(weight)) == 20
    plain = _numpy(_network(n_ensemble=4).adapter.weight)
    assert set(np.unique(plain)) == {-1.0, 1.0}


def test_standard_layers_start_within_the_bound():
    """Weights and biases fill +-1 / sqrt(n_inputs)."""
    network = _network(widths=(100, 200))
    for layer in (network.hidden[0].linear, network.hidden[1].linear):
        bound = 1.0 / math.sqrt(layer.in_features)
        for parameter in (layer.weight, layer.bias):
            assert 0.95 * bound < parameter.abs().max() <= bound
        assert layer.weight.var().item() == pytest.approx(bound**2 / 3.0, rel=0.1)


@pytest.mark.parametrize("n_ensemble", [1, 4])
def test_ntk_network_starts_at_zero(n_ensemble):
    """The last layer is zero, and learns at once."""
    network = _network(n_ensemble=n_ensemble, parametrization="ntk")
    output = network(_rows())
    assert not output.any()
    output.sum().backward()
    assert network.head.weight.grad.abs().max() > 0


@pytest.mark.parametrize("n_ensemble", [1, 4])
@pytest.mark.parametrize("kind", ["ple", "periodic"])
def test_every_parameter_learns(kind, n_ensemble):
    """No part is left out of the gradient, and none has NaN."""
    network = _network(
        kind,
        n_ensemble=n_ensemble,
        gate_factor=6.0,
        activation="mish",
        parametric_activation=True,
        normalization="layer",
        residual=True,
    )
    network(_rows(50)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


def test_dropout_is_drawn_for_each_member():
    """Members drop different units; without training nothing is dropped."""
    network = _network(n_ensemble=2, dropout=0.5)
    network.adapter.weight.data[1] = network.adapter.weight.data[0]
    network.head.weight.data[1] = network.head.weight.data[0]
    network.head.bias.data[3:] = network.head.bias.data[:3]
    attach_generator(network, _generator())
    first, second = network(_rows()).unbind(dim=1)
    assert (first - second).abs().max() > 1e-3
    first, second = network.eval()(_rows()).unbind(dim=1)
    torch.testing.assert_close(first, second)


def test_dropout_can_differ_by_layer():
    """A probability of 0 adds no layer."""
    network = _network(dropout=(0.0, 0.3), activation=["relu", "tanh"])
    kinds = [[type(m).__name__ for m in layer.after] for layer in network.hidden]
    assert kinds == [["ReLU"], ["Tanh", "GeneratorDropout"]]


def test_weights_and_biases_are_told_apart():
    """Each layer says which decay: tables, bins, gate, factors and linear maps."""
    network = _network(
        "ple",
        n_ensemble=4,
        gate_factor=6.0,
        normalization="batch",
        parametric_activation=True,
    )
    found = {id(parameter) for parameter in decaying_parameters(network)}
    decaying = {n for n, p in network.named_parameters() if id(p) in found}
    assert decaying == {
        "inputs.numeric.weight",
        "inputs.categories.weight",
        "gate.weight",
        "adapter.weight",
        "hidden.0.linear.weight",
        "hidden.1.linear.weight",
        "head.weight",
    }
    sizes = [p.numel() for n, p in network.named_parameters() if n in decaying]
    assert len(FlatParameters(network).weights) == sum(sizes)


def test_a_flat_buffer_changes_nothing():
    """Gradients through views of one buffer are those of single parameters."""
    options = {"n_ensemble": 4, "gate_factor": 6.0, "kind": "ple"}
    network, twin = _network(**options), _network(**options)
    flat = FlatParameters(twin)
    for module in (network, twin):
        module(_rows()).square().sum().backward()
    for mine, theirs in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)
    assert flat.grad.abs().max() > 0


@pytest.mark.parametrize("n_ensemble", [1, 4])
@pytest.mark.parametrize("kind", [None, "ple", "periodic"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_copies_say_the_same(kind, n_ensemble, dtype):
    """A pickle, a deep copy and a second draw of the seed equal the first."""
    options = {"kind": kind, "n_ensemble": n_ensemble, "dtype": dtype}
    options |= {"dropout": 0.1, "gate_factor": 6.0, "normalization": "batch"}
    network = _network(**options).eval()
    x = _rows(dtype=dtype)
    assert network(x).dtype == dtype
    assert not torch.equal(network(x), _network(seed=1, **options).eval()(x))
    twins = (
        _network(**options).eval(),
        copy.deepcopy(network),
        pickle.loads(pickle.dumps(network)),
    )
    for twin in twins:
        assert torch.equal(twin(x), network(x))


def test_rows_do_not_depend_on_their_company():
    """A prediction is the same in a block of any size, up to rounding."""
    network = _shaken(_network("ple", n_ensemble=4)).eval()
    x = _rows(40)
    whole = network(x)
    parts = torch.cat([network(part) for part in x.split([1, 15, 24])])
    torch.testing.assert_close(parts, whole)
    assert network(x[:0]).shape == (0, 4, 3)


def test_global_generator_is_not_moved():
    """torch's own random state stays where it was, in every part."""
    state = torch.get_rng_state()
    for kind in ("ple", "periodic"):
        network = _network(
            kind, n_ensemble=4, dropout=0.1, normalization="batch", gate_factor=6.0
        )
        attach_generator(network, _generator())
        network(_rows()).sum().backward()
    assert torch.equal(torch.get_rng_state(), state)


def test_members_are_an_axis_of_the_head():
    """A single member has an ordinary last layer."""
    assert isinstance(_network(n_ensemble=2).head, EnsembleHead)
    assert isinstance(_network().head, torch.nn.Linear)
    assert _network().adapter is None


@pytest.mark.parametrize("name", ["normalization", "parametrization"])
def test_unknown_choices_are_refused(name):
    """Errors name the parameter, the choices and what was got."""
    with pytest.raises(ValueError, match=rf"'{name}' parameter .* Got 'other' instead"):
        _network(**{name: "other"})
