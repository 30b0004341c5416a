"""Tests of the neural tangent parametrisation and of initial weights from data."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from skdeep.networks import attach_generator
from skdeep.networks._ensembling import EnsembleHead
from skdeep.networks._ntk import NTKLinear, affine, data_dependent_init_
from skdeep.networks._numeric_embeddings import PiecewiseLinearEmbedding
from skdeep.networks._tabular import TabularNetwork
from skdeep.networks._tabular_inputs import TabularInputs


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _inputs(n_rows=200, n_columns=4, dtype=torch.float64):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(size=(n_rows, n_columns))).to(dtype)


def _numpy(tensor):
    return tensor.detach().double().numpy()


def _network(n_outputs=3, dtype=torch.float64, numeric_embedding=None, **options):
    inputs = TabularInputs(
        4, numeric_embedding=numeric_embedding, dtype=dtype, generator=_generator()
    )
    return TabularNetwork(
        inputs, (32, 16), n_outputs, generator=_generator(), **options
    )


def test_ntk_linear_is_the_formula():
    """Weights are divided by the root of the number of inputs, biases multiplied."""
    layer = NTKLinear(4, 6, dtype=torch.float64, generator=_generator())
    x = _inputs()
    expected = _numpy(x) @ _numpy(layer.weight).T / 2.0 + 0.1 * _numpy(layer.bias)
    np.testing.assert_allclose(_numpy(layer(x)), expected, atol=1e-12)


def test_ntk_linear_starts_standard_normal():
    """So are the weights as stored, and the biases as used."""
    layer = NTKLinear(100, 300, dtype=torch.float64, generator=_generator())
    weight, bias = layer.weight.detach(), 0.1 * layer.bias.detach()
    assert weight.var().item() == pytest.approx(1.0, rel=0.05)
    assert weight.mean().item() == pytest.approx(0.0, abs=0.03)
    assert bias.var().item() == pytest.approx(1.0, rel=0.3)


def test_ntk_linear_rates():
    """A first step of Adam moves weights by rate / sqrt(n_in), biases by 0.1 rate."""
    layer = NTKLinear(4, 6, dtype=torch.float64, generator=_generator())
    before = [p.detach().clone() for p in affine(layer)]
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-2, eps=0.0)
    layer(_inputs()).square().sum().backward()
    optimizer.step()
    for old, new, moved in zip(before, affine(layer), (5e-3, 1e-3), strict=True):
        np.testing.assert_allclose(np.abs(_numpy(new - old)), moved)


def test_affine_of_an_ordinary_layer_is_its_parameters():
    """No factor, no operation."""
    linear = nn.utils.skip_init(nn.Linear, 3, 2)
    weight, bias = affine(linear)
    assert weight is linear.weight
    assert bias is linear.bias


@pytest.mark.parametrize("parametrization", ["standard", "ntk"])
@pytest.mark.parametrize("n_ensemble", [1, 4])
def test_initial_values_have_unit_deviation(parametrization, n_ensemble):
    """Before its bias every unit varies by 1 over the rows, in every layer."""
    network = _network(
        n_ensemble=n_ensemble, parametrization=parametrization, activation="selu"
    )
    x = _inputs()
    data_dependent_init_(network, x, _generator(1))
    rows = network.encode(x)
    if n_ensemble > 1:
        rows = network.adapter(rows).flatten(0, 1)
    for layer in network.hidden_layers():
        np.testing.assert_allclose(_numpy(layer.linear(rows)).std(axis=0), 1.0)
        rows = layer(rows)
    np.testing.assert_allclose(_numpy(network(x)).std(axis=0), 1.0)


def test_weights_are_normal_but_for_their_scale():
    """Directions are those of the standard normal distribution."""
    network = _network()
    network.hidden[0].linear = NTKLinear(
        4, 2000, dtype=torch.float64, generator=_generator()
    )
    layer = network.hidden[0].linear
    layer.weight.data.fill_(7.0)
    network.hidden = network.hidden[:1]
    network.head = NTKLinear(2000, 1, dtype=torch.float64, generator=_generator())
    # White inputs leave normal weights a norm of 2 in four dimensions.
    x = torch.linalg.qr(_inputs(5000) - _inputs(5000).mean(0)).Q * np.sqrt(5000)
    data_dependent_init_(network, x, _generator(1))
    weight = _numpy(layer.weight)
    np.testing.assert_allclose(np.linalg.norm(weight, axis=1), 2.0, rtol=1e-9)
    # The square of a coordinate on a sphere of radius 2 has mean 1 and second moment
    # 16 * 3 / (4 * 6) = 2.
    np.testing.assert_allclose((weight**2).mean(axis=0), 1.0, rtol=0.08)
    np.testing.assert_allclose((weight**4).mean(axis=0), 2.0, rtol=0.15)


def test_biases_put_the_bend_amid_the_data():
    """A bias is minus a convex combination of the unit's values at five rows."""
    # Ten rows far from each other: the combination can be told from their values.
    x = _inputs(10, 4)
    network = _network()
    data_dependent_init_(network, x, _generator(1))
    linear = network.hidden[0].linear
    weight, bias = (_numpy(part) for part in affine(linear))
    values = _numpy(x) @ weight.T
    assert (-bias >= values.min(axis=0)).all()
    assert (-bias <= values.max(axis=0)).all()
    # The mean of 5 rows with Exp(1) shares has the variance 2 / 6 of a single row.
    many = _network()
    many.hidden[0].linear = NTKLinear(
        4, 4000, dtype=torch.float64, generator=_generator()
    )
    many.hidden = many.hidden[:1]
    many.head = NTKLinear(4000, 1, dtype=torch.float64, generator=_generator())
    x = _inputs(1000)
    data_dependent_init_(many, x, _generator(1))
    weight, bias = (_numpy(part) for part in affine(many.hidden[0].linear))
    centred = bias + (_numpy(x) @ weight.T).mean(axis=0)
    assert centred.var() == pytest.approx(1.0 / 3.0, rel=0.06)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_ensemble", [1, 4])
@pytest.mark.parametrize("value", [0.0, 3.7, 1e6])
def test_constant_rows_do_not_break_it(dtype, n_ensemble, value):
    """Units that do not vary keep weights of an ordinary size."""
    network = _network(
        dtype=dtype, n_ensemble=n_ensemble, parametrization="ntk", activation="selu"
    )
    x = torch.full((50, 4), value, dtype=dtype)
    data_dependent_init_(network, x, _generator(1))
    assert torch.isfinite(network(x)).all()
    for layer in network.hidden_layers():
        assert layer.linear.weight.std() < 2.0
        # What four members differ by is small for a unit now and then, by the draw of
        # the version of torch; a rounding error blown up would be 1e6 and more.
        assert layer.linear.weight.abs().max() < (6.0 if n_ensemble == 1 else 60.0)


def test_one_constant_column_among_others_does_not_matter():
    """Its weights are scaled with the unit's."""
    x = _inputs()
    x[:, 2] = 1.5
    network = _network(parametrization="ntk")
    data_dependent_init_(network, x, _generator(1))
    values = _numpy(network(x))
    np.testing.assert_allclose(values.std(axis=0), 1.0)


def test_dropout_is_off_and_the_mode_comes_back():
    """Initial weights do not depend on dropout, nor on the mode."""
    x, networks = _inputs(), []
    for dropout, training in ((0.0, True), (0.5, True), (0.5, False)):
        network = _network(dropout=dropout).train(training)
        attach_generator(network, _generator(5))
        data_dependent_init_(network, x, _generator(1))
        assert network.training == training
        networks.append(network)
    first, *others = networks
    for network in others:
        for mine, theirs in zip(first.parameters(), network.parameters(), strict=True):
            assert torch.equal(mine, theirs)


def test_other_parts_stay_as_they_are():
    """Embedding, gate and adapter keep their values; nothing tracks gradients."""
    edges = [np.linspace(-1.0, 1.0, 5)] * 4
    embedding = PiecewiseLinearEmbedding(
        edges, 3, dtype=torch.float64, generator=_generator()
    )
    network = _network(n_ensemble=4, gate_factor=6.0, numeric_embedding=embedding)
    parts = (network.inputs, network.gate, network.adapter)
    before = [p.detach().clone() for part in parts for p in part.parameters()]
    data_dependent_init_(network, _inputs(), _generator(1))
    after = [p for part in parts for p in part.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(p.requires_grad and p.is_leaf for p in network.parameters())


def test_seed_decides():
    """The same seed repeats the weights, another does not."""
    x = _inputs()

    def head(seed):
        network = _network(n_ensemble=4)
        data_dependent_init_(network, x, _generator(seed))
        assert isinstance(network.head, EnsembleHead)
        return network.head.weight

    assert torch.equal(head(1), head(1))
    assert not torch.equal(head(1), head(2))


def test_copies_say_the_same():
    """A pickle and a deep copy equal the first."""
    layer, x = NTKLinear(4, 3, generator=_generator()), _inputs().float()
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(x), layer(x))
        assert repr(twin) == "NTKLinear(in_features=4, out_features=3)"
