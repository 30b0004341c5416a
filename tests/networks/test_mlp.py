"""Tests of the multilayer perceptron's structure and behaviour."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skdeep.networks import (
    MLP,
    attach_generator,
    per_layer,
    resolve_layers,
)


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _inputs(n_rows, n_columns=4, dtype=torch.float32):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(size=(n_rows, n_columns))).to(dtype)


def _numpy(tensor):
    return tensor.detach().numpy()


def test_stack_holds_no_idle_modules():
    """A plain perceptron is the stack that one would write by hand."""
    module = MLP(4, (8, 6), 3)
    kinds = [type(layer).__name__ for layer in module.layers]
    assert kinds == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]


def test_layers_come_in_the_stated_order():
    """A hidden layer is linear, normalization, activation, dropout."""
    module = MLP(4, (8,), 3, normalization="layer", activation="tanh", dropout=0.5)
    kinds = [type(layer).__name__ for layer in module.layers]
    assert kinds == ["Linear", "LayerNorm", "Tanh", "GeneratorDropout", "Linear"]


def test_activation_and_dropout_can_differ_by_layer():
    """Sequences give each hidden layer its own; a probability of 0 adds no layer."""
    module = MLP(4, (8, 8), 3, activation=["tanh", nn.SELU], dropout=(0.0, 0.25))
    kinds = [type(layer).__name__ for layer in module.layers]
    expected = ["Linear", "Tanh", "Linear", "SELU", "GeneratorDropout", "Linear"]
    assert kinds == expected
    assert module.layers[4].p == 0.25


def test_linear_layers_come_from_input_to_output():
    """They are those of the perceptron alone, residual or not."""

    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = nn.utils.skip_init(nn.Linear, 8, 8)

        def forward(self, x):
            return x * self.gate(x)

    for residual in (False, True):
        module = MLP(4, (8, 8, 6), 3, activation=Gate, residual=residual)
        shapes = [tuple(linear.weight.shape) for linear in module.linear_layers()[:2]]
        assert shapes == [(8, 4), (8, 8)]
        assert len(module.linear_layers()) == 4


def test_no_hidden_layer_is_a_linear_model():
    """Without hidden layers the outputs are affine in the inputs."""
    module = MLP(4, (), 3, dropout=0.5, dtype=torch.float64)
    x = _inputs(5, dtype=torch.float64)
    (linear,) = module.linear_layers()
    expected = _numpy(x) @ _numpy(linear.weight).T + _numpy(linear.bias)
    np.testing.assert_allclose(_numpy(module(x)), expected)


def test_residual_adds_the_input_where_widths_agree():
    """A layer of zeros passes its input on, and only a layer of equal width does."""
    module = MLP(4, (4, 6, 6), 3, residual=True)
    with torch.no_grad():
        for linear in module.linear_layers():
            linear.weight.zero_()
            linear.bias.zero_()
        module.linear_layers()[1].bias.fill_(2.0)
    x = _inputs(5)
    assert torch.equal(module.hidden(x, 0), x)
    assert torch.equal(module.hidden(x, 1), torch.full((5, 6), 2.0))
    assert torch.equal(module.hidden(x, 2), torch.full((5, 6), 2.0))


def test_residual_changes_nothing_where_widths_differ():
    """With all widths different the flag has no effect."""
    plain, residual = MLP(4, (8, 6), 3), MLP(4, (8, 6), 3, residual=True)
    assert torch.equal(plain(_inputs(5)), residual(_inputs(5)))


def test_batch_normalization_follows_its_formula():
    """Training uses and tracks the batch's moments, evaluation the tracked ones."""
    module = MLP(
        4, (6,), 3, normalization="batch", activation="identity", dtype=torch.float64
    )
    x = _inputs(9, dtype=torch.float64)
    linear = module.linear_layers()[0]
    z = _numpy(x) @ _numpy(linear.weight).T + _numpy(linear.bias)

    trained = _numpy(module.hidden(x))
    np.testing.assert_allclose(trained, (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5))

    mean, variance = 0.1 * z.mean(0), 0.9 + 0.1 * z.var(0, ddof=1)
    evaluated = _numpy(module.eval().hidden(x))
    np.testing.assert_allclose(evaluated, (z - mean) / np.sqrt(variance + 1e-5))


def test_batch_normalization_takes_one_row_by_the_running_statistics():
    """A training batch of one row gets the values and gradients of evaluation."""
    module = MLP(4, (6,), 3, normalization="batch")
    module(_inputs(9))
    before = {name: value.clone() for name, value in module.named_buffers()}
    row = _inputs(1)

    trained = module(row)
    trained.sum().backward()
    weight = module.linear_layers()[0].weight
    assert weight.grad is not None
    gradient = weight.grad.clone()
    for name, value in module.named_buffers():
        assert torch.equal(value, before[name]), name

    module.eval().zero_grad()
    evaluated = module(row)
    evaluated.sum().backward()
    assert torch.equal(trained, evaluated)
    assert torch.equal(gradient, weight.grad)
    assert gradient.abs().max() > 0


def test_hidden_reaches_each_layer():
    """Hidden activations have the layer's width and lead on to the outputs."""
    module = MLP(4, (8, 6), 3)
    x = _inputs(5)
    assert module.hidden(x, 0).shape == (5, 8)
    assert module.hidden(x, -2).shape == (5, 8)
    assert module.hidden(x, 1).shape == (5, 6)
    assert torch.equal(module.linear_layers()[-1](module.hidden(x)), module(x))


@pytest.mark.parametrize(("sizes", "layer"), [((8, 6), 2), ((8, 6), -3), ((), -1)])
def test_hidden_refuses_a_layer_that_is_not(sizes, layer):
    """An index beyond the hidden layers is an error."""
    with pytest.raises(IndexError, match=rf"there are {len(sizes)}\. Got {layer} ins"):
        MLP(4, sizes, 3).hidden(_inputs(5), layer)


def test_dropout_acts_in_training_only():
    """Hidden units are dropped by the generator in training, never in evaluation."""
    module = MLP(4, (1000,), 3, activation="sigmoid", dropout=0.3)
    attach_generator(module, _generator())
    hidden = module.hidden(_inputs(5))
    assert (hidden == 0).double().mean().item() == pytest.approx(0.3, abs=0.04)
    assert (module.eval().hidden(_inputs(5)) > 0).all()


@pytest.mark.parametrize("activation", ["relu", "logistic", "selu"])
def test_dtypes_start_at_the_same_weights(activation):
    """Single precision starts at the rounded weights of double precision."""
    settings: dict[str, Any] = {"activation": activation, "normalization": "layer"}
    single = MLP(4, (8, 6), 3, generator=_generator(3), **settings)
    double = MLP(4, (8, 6), 3, generator=_generator(3), dtype=torch.float64, **settings)
    pairs = list(zip(single.parameters(), double.parameters(), strict=True))
    assert len(pairs) == 10
    for narrow, wide in pairs:
        assert (narrow.dtype, wide.dtype) == (torch.float32, torch.float64)
        assert torch.equal(narrow, wide.float())


@pytest.mark.parametrize(
    ("activation", "factor"), [("relu", 6.0), ("logistic", 2.0), (torch.sigmoid, 2.0)]
)
def test_activation_decides_the_bound_of_all_layers(activation, factor):
    """The output layer is drawn by the hidden activation, as in scikit-learn."""
    module = MLP(40, (60,), 50, activation=activation, dtype=torch.float64)
    for linear, fans in zip(module.linear_layers(), (100, 110), strict=True):
        largest = linear.weight.abs().max().item()
        assert largest == pytest.approx((factor / fans) ** 0.5, rel=0.02)
        assert largest <= (factor / fans) ** 0.5


def test_seed_decides_the_weights():
    """One generator state gives one network; without any it is that of seed 0."""

    def weight(generator):
        return MLP(4, (8,), 3, generator=generator).linear_layers()[0].weight

    assert torch.equal(weight(None), weight(_generator(0)))
    assert not torch.equal(weight(_generator(1)), weight(_generator(0)))


def test_global_generator_is_not_moved():
    """Neither building nor training a network touches torch's own random state."""
    state = torch.get_rng_state()
    module = MLP(4, (8, 8), 3, normalization="batch", dropout=0.5, residual=True)
    attach_generator(module, _generator())
    module(_inputs(5)).sum().backward()
    assert torch.equal(torch.get_rng_state(), state)


def test_default_device_is_not_used():
    """A network is built on the CPU, whatever device the caller made the default."""
    with torch.device("meta"):
        module = MLP(4, (8,), 3, normalization="batch")
    devices = {value.device.type for value in module.state_dict().values()}
    assert devices == {"cpu"}


def test_layers_do_not_share_an_activation():
    """A module passed as activation is copied for every layer, in the right dtype."""
    mine = nn.PReLU()
    module = MLP(4, (8, 8), 3, activation=mine, dtype=torch.float64)
    copies = [layer for layer in module.layers if isinstance(layer, nn.PReLU)]
    assert len({id(mine.weight), *(id(layer.weight) for layer in copies)}) == 3
    assert {layer.weight.dtype for layer in copies} == {torch.float64}
    assert mine.weight.dtype == torch.float32


@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))],
    ids=["deepcopy", "pickle"],
)
def test_copies_predict_alike_and_are_independent(duplicate):
    """A copy has the same outputs and its own parameters."""
    module = MLP(4, (8, 8), 3, activation=torch.sin, normalization="batch", dropout=0.5)
    attach_generator(module, _generator())
    module(_inputs(9))
    twin = duplicate(module).eval()
    expected = module.eval()(_inputs(5))
    assert torch.equal(twin(_inputs(5)), expected)
    assert torch.equal(twin.hidden(_inputs(5)), module.hidden(_inputs(5)))
    with torch.no_grad():
        twin.linear_layers()[0].weight.zero_()
    assert torch.equal(module(_inputs(5)), expected)


def test_state_dict_makes_a_round_trip():
    """Parameters and statistics of one network make another one its equal."""
    settings: dict[str, Any] = {"normalization": "batch", "residual": True}
    module = MLP(4, (8, 8), 3, generator=_generator(0), **settings)
    module(_inputs(9))
    other = MLP(4, (8, 8), 3, generator=_generator(1), **settings)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other.eval()(_inputs(5)), module.eval()(_inputs(5)))


def test_module_compiles_in_one_graph():
    """torch.compile finds nothing in the forward pass that breaks its graph."""
    module = MLP(4, (8, 8), 3, normalization="layer", residual=True)
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    assert torch.equal(compiled(_inputs(5)), module(_inputs(5)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"normalization": "group"}, r"\['batch', 'layer'\]\. Got 'group' instead"),
        ({"dropout": 1.0}, r"range \[0\.0, 1\.0\)\. Got 1\.0 instead"),
        ({"dropout": (0.1,)}, "'dropout' parameter .* expected 2 values, got 1 in"),
        ({"activation": ["relu"] * 3}, "'activation' parameter .* 2 values, got 3 in"),
        ({"activation": ["relu", "rleu"]}, "Got 'rleu' instead"),
    ],
)
def test_invalid_settings_are_refused(settings, message):
    """Errors name the parameter and what was got."""
    with pytest.raises(ValueError, match=message):
        MLP(4, (8, 8), 3, **settings)


@pytest.mark.parametrize(
    ("sizes", "n_layers", "widths"),
    [
        (64, None, (64,)),
        ((64, 32), None, (64, 32)),
        (np.array([64, 32]), None, (64, 32)),
        ([], None, ()),
        (64, 3, (64, 64, 64)),
        ((64,), np.int64(2), (64, 64)),
        (64, 0, ()),
    ],
    ids=str,
)
def test_resolve_layers_gives_the_widths(sizes, n_layers, widths):
    """One width is repeated, several are taken as they are."""
    result = resolve_layers(sizes, n_layers)
    assert result == widths
    assert all(type(width) is int for width in result)


@pytest.mark.parametrize(
    ("sizes", "n_layers", "message"),
    [
        (0, None, r"'hidden_layer_sizes' .* each at least 1\. Got 0 instead"),
        ((8, 2.5), None, r"'hidden_layer_sizes' .* Got \(8, 2\.5\) instead"),
        (None, None, r"'hidden_layer_sizes' .* Got None instead"),
        ("64", None, r"'hidden_layer_sizes' .* Got '64' instead"),
        (8, -1, r"'n_hidden_layers' .* at least 0\. Got -1 instead"),
        (8, 1.5, r"'n_hidden_layers' .* Got 1\.5 instead"),
        ((8, 4), 2, r"repeats a single width .* Got 2 and \(8, 4\); pass an int"),
        ((), 2, r"repeats a single width .* Got 2 and \(\); pass an int"),
    ],
)
def test_resolve_layers_refuses(sizes, n_layers, message):
    """Widths are at least 1, counts at least 0, and only one width is repeated."""
    with pytest.raises(ValueError, match=message):
        resolve_layers(sizes, n_layers)


def test_per_layer_repeats_one_value():
    """A scalar, a str and a module are one value each."""
    stack = nn.Sequential(nn.ReLU())
    assert per_layer(0.5, 2, "dropout") == (0.5, 0.5)
    assert per_layer("relu", 2, "activation") == ("relu", "relu")
    assert per_layer(stack, 2, "activation") == (stack, stack)
    assert per_layer(0.5, 0, "dropout") == ()


def test_per_layer_takes_a_sequence_of_the_right_length():
    """Lists, tuples and arrays are one value for each layer."""
    assert per_layer([1, 2], 2, "width") == (1, 2)
    assert per_layer(np.array([0.1, 0.2]), 2, "dropout") == (0.1, 0.2)
    with pytest.raises(ValueError, match=r"'width' .* expected 3 values, got 2 in \[1"):
        per_layer([1, 2], 3, "width")
