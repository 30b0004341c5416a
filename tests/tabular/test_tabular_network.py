"""Every parameter of the network is found in the module that is built."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from torch import nn

from skdeep import TabularMLPClassifier, TabularMLPRegressor
from skdeep.networks import (
    GeneratorDropout,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
)
from skdeep.networks._ensembling import EnsembleHead, MemberBatchNorm
from skdeep.networks._ntk import NTKLinear
from skdeep.networks._parametric import ParametricActivation

BOTH = [TabularMLPClassifier, TabularMLPRegressor]
# Training leaves the first weights as good as they are.
AT_REST: dict[str, Any] = {
    "hidden_layer_sizes": (10, 7),
    "n_ensemble": 3,
    "numeric_embedding": "piecewise_linear",
    "embedding_dim": 4,
    "n_bins": 5,
    "binning": "quantile",
    "feature_scaling": "standard",
    "max_onehot": 8,
    "dropout": 0.0,
    "normalization": None,
    "optimizer": "sgd",
    "learning_rate": 1e-300,
    "weight_decay": 0.0,
    "max_epochs": 1,
    "early_stopping": False,
    "dtype": "float64",
    "categorical_features": [2, 3],
    "batch_size": 1000,
    "random_state": 0,
}
N_ROWS = 90


def table() -> tuple[np.ndarray, np.ndarray]:
    """Return two numbers, a code of 4 and one of 12 a row; and three classes."""
    rng = np.random.default_rng(0)
    few, many = rng.integers(0, 4, N_ROWS), np.arange(N_ROWS) % 12
    X = np.column_stack([rng.standard_exponential((N_ROWS, 2)), few, many])
    return X, (few + (X[:, 0] > 1)) % 3


X, Y = table()


def build(kind: Any = TabularMLPClassifier, **varied: Any) -> Any:
    """Return an estimator whose weights are the first ones."""
    return kind(**{**AT_REST, **varied}).fit(X, Y)


def encoded(net: Any) -> np.ndarray:
    """Return what the network sees of the rows."""
    rows = net._read(X)
    return np.asarray(net._state.scaler.transform(rows))


def edges_of(net: Any, column: int) -> np.ndarray:
    """Return the edges of bins of a column, all but the last one."""
    embedding = net.module_.inputs.numeric
    n_bins = int(np.count_nonzero(embedding.scale[column, 0, :-2]))
    return np.asarray(embedding.shift[column, 0, :n_bins])


@pytest.mark.parametrize(
    ("kind", "n_outputs"), [(TabularMLPClassifier, 3), (TabularMLPRegressor, 1)]
)
@pytest.mark.parametrize("k", [2, 5])
def test_members_have_factors_and_heads_of_their_own(
    kind: Any, n_outputs: int, k: int
) -> None:
    """All else they share: two numbers in 4, a one-hot of 4 and a vector of 8."""
    module = build(kind, n_ensemble=k).module_
    n_inputs = 2 * 4 + 4 + 8
    assert module.adapter.weight.shape == (k, n_inputs)
    assert [layer.linear.weight.shape for layer in module.hidden] == [
        (10, n_inputs),
        (7, 10),
    ]
    assert isinstance(module.head, EnsembleHead)
    assert module.head.weight.shape == (k, n_outputs, 7)
    assert module.head.bias.shape == (k * n_outputs,)
    assert len(np.unique(module.head.bias.detach())) == k * n_outputs


def test_one_member_is_a_plain_network() -> None:
    """It has neither factors nor an axis of members."""
    net = build(n_ensemble=1)
    assert net.module_.adapter is None
    assert net.module_.head.weight.shape == (3, 7)
    rows = torch.from_numpy(encoded(net))
    assert net.module_(rows).shape == (N_ROWS, 3)


def test_width_and_depth_are_as_named() -> None:
    """A single width is repeated, and no width at all is a linear ensemble."""
    deep = build(hidden_layer_sizes=6, n_hidden_layers=4).module_
    assert [layer.linear.weight.shape[0] for layer in deep.hidden] == [6] * 4
    flat = build(hidden_layer_sizes=()).module_
    assert len(flat.hidden) == 0
    assert flat.head.weight.shape == (3, 3, 20)


@pytest.mark.parametrize(
    ("embedding", "found", "width"),
    [
        (None, type(None), 2),
        ("piecewise_linear", PiecewiseLinearEmbedding, 8),
        ("periodic", PeriodicEmbedding, 8),
    ],
)
def test_numeric_embedding_is_the_one_named(
    embedding: Any, found: type, width: int
) -> None:
    """Two columns become four numbers each, or are taken as they are."""
    inputs = build(numeric_embedding=embedding).module_.inputs
    assert type(inputs.numeric) is found
    assert inputs.n_outputs == width + 4 + 8
    factors = build(numeric_embedding=embedding).module_.adapter.weight.detach()
    assert bool((factors.abs() == 1).all()) == (embedding is None)


def test_waves_follow_number_and_scale() -> None:
    """Frequencies are drawn with the deviation that is asked for."""
    waves = {"numeric_embedding": "periodic", "n_frequencies": 500}
    one = build(**waves, frequency_scale=0.1).module_.inputs.numeric
    two = build(**waves, frequency_scale=0.4).module_.inputs.numeric
    assert one.wave.shape == (2 * 500 * 2,)
    frequencies = one.wave.detach().numpy()[::2] * one.rate_factor
    assert frequencies.std() == pytest.approx(0.1, rel=0.1)
    ratio = two.wave.detach()[::2] / one.wave.detach()[::2]
    np.testing.assert_allclose(ratio, 4.0, rtol=1e-12)


def test_waves_need_two_outputs() -> None:
    """One of them is the column itself; the sentence names the parameter."""
    with pytest.raises(ValueError, match="'embedding_dim' parameter of TabularMLPCla"):
        build(numeric_embedding="periodic", embedding_dim=1)


@pytest.mark.parametrize("n_bins", [1, 3, 10])
def test_bins_hold_equal_shares_of_the_rows(n_bins: int) -> None:
    """Their edges are NumPy's quantiles of the scaled training rows."""
    net = build(n_bins=n_bins)
    numbers = encoded(net)[:, :2]
    shares = np.arange(n_bins) / n_bins
    for column in range(2):
        expected = np.quantile(numbers[:, column], shares, method="inverted_cdf")
        np.testing.assert_allclose(edges_of(net, column), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", BOTH)
def test_bins_of_a_tree_lie_where_the_tree_splits(kind: Any) -> None:
    """Inner edges are the thresholds of scikit-learn's tree on the column alone."""
    net = build(kind, binning="tree", n_bins=4)
    tree = (
        DecisionTreeClassifier
        if kind is TabularMLPClassifier
        else DecisionTreeRegressor
    )(max_leaf_nodes=4, random_state=0)
    for column in range(2):
        numbers = encoded(net)[:, [column]]
        fitted = tree.fit(numbers, Y).tree_
        thresholds = np.sort(fitted.threshold[fitted.children_left >= 0])
        expected = [numbers.min(), *thresholds]
        np.testing.assert_allclose(edges_of(net, column), expected, rtol=1e-6)
    quantiles = edges_of(build(kind, n_bins=4), 0)
    assert not np.allclose(edges_of(net, 0), quantiles)


@pytest.mark.parametrize(
    ("max_onehot", "sizes", "cardinalities"),
    [(3, (), (4, 12)), (4, (4,), (12,)), (11, (4,), (12,)), (12, (4, 12), ())],
)
def test_categories_are_one_hot_up_to_max_onehot(
    max_onehot: int, sizes: tuple[int, ...], cardinalities: tuple[int, ...]
) -> None:
    """Columns of more categories are embedded, with a vector for what is missing."""
    net = build(max_onehot=max_onehot, category_dim=5)
    assert net._state.scaler.onehot_sizes == sizes
    inputs = net.module_.inputs
    assert inputs.sizes == [2, sum(sizes), len(cardinalities)]
    if cardinalities:
        n_vectors = sum(cardinalities) + len(cardinalities)
        assert inputs.categories.weight.shape == (n_vectors, 5)
    else:
        assert inputs.categories is None
    assert inputs.n_outputs == 8 + sum(sizes) + 5 * len(cardinalities)


def test_scale_onehot_scales_by_the_quartiles() -> None:
    """Zeros and ones of a rare category are centred and divided by half their range."""
    plain, scaled = encoded(build())[:, 2:6], encoded(build(scale_onehot=True))[:, 2:6]
    assert set(plain.ravel()) == {0.0, 1.0}
    for before, after in zip(plain.T, scaled.T, strict=True):
        first, median, third = np.percentile(before, [25, 50, 75])
        assert median == 0.0
        raw = before / (third - first if third > first else 0.5)
        np.testing.assert_allclose(after, raw / np.sqrt(1 + (raw / 3) ** 2))


def test_missing_indicators_are_inputs() -> None:
    """One for each column that has holes, and none where it is not wanted."""
    holes = X.copy()
    holes[::7, 1] = np.nan
    for wanted in (True, False):
        net = TabularMLPClassifier(**AT_REST, missing_indicators=wanted).fit(holes, Y)
        assert net.module_.inputs.sizes == [2, 4 + wanted, 1]


@pytest.mark.parametrize("factor", [None, 6.0, 96.0])
def test_gate_multiplies_every_input(factor: Any) -> None:
    """Its factors are one at first, and stored divided by how fast they learn."""
    gate = build(feature_gate=factor).module_.gate
    if factor is None:
        assert gate is None
        return
    assert gate.weight.shape == (1, 20)
    np.testing.assert_allclose(gate.weight.detach(), 1.0 / factor)
    assert gate.rate_factor == factor


def test_gate_learns_faster_by_its_factor() -> None:
    """A step of Adam, of any gradient, moves the gate by factor times the rate."""
    params = {"optimizer": "adam", "learning_rate": 1e-5, "max_grad_norm": None}
    for factor in (1.0, 20.0):
        gate = build(**params, feature_gate=factor).module_.gate
        moved = np.abs(gate.weight.detach().numpy() * factor - 1.0)
        np.testing.assert_allclose(moved, factor * 1e-5, rtol=0.01)


def test_activations_are_as_named() -> None:
    """One for all layers or one for each, with or without a learned share."""
    layers = build(activation=["selu", "tanh"]).module_.hidden
    assert [type(layer.after[0]) for layer in layers] == [nn.SELU, nn.Tanh]
    blended = build(activation="mish", parametric_activation=True).module_.hidden
    for layer, width in zip(blended, (10, 7), strict=True):
        assert isinstance(layer.after[0], ParametricActivation)
        assert isinstance(layer.after[0].activation, nn.Mish)
        assert layer.after[0].share.shape == (width,)


@pytest.mark.parametrize("kind", BOTH)
def test_ntk_starts_from_standard_normal_weights_and_a_last_layer_of_zeros(
    kind: Any,
) -> None:
    """What it predicts at first is the mean, or all classes alike."""
    net = build(kind, parametrization="ntk", hidden_layer_sizes=(200, 50))
    for layer in net.module_.hidden:
        assert isinstance(layer.linear, NTKLinear)
        assert layer.linear.weight.std().item() == pytest.approx(1.0, abs=0.05)
        assert layer.linear.weight_factor == layer.linear.weight.shape[1] ** -0.5
    assert net.module_.head.weight.abs().max() < 1e-290
    if kind is TabularMLPClassifier:
        np.testing.assert_allclose(net.predict_proba(X), 1 / 3, rtol=1e-12)
    else:
        np.testing.assert_allclose(net.predict(X), Y.mean(), rtol=1e-12)


@pytest.mark.parametrize("parametrization", ["standard", "ntk"])
@pytest.mark.parametrize("k", [1, 3])
def test_data_dependent_init_gives_every_neuron_unit_variance(
    k: int, parametrization: str
) -> None:
    """Over all training rows, and all members' views of them, in every layer."""
    net = build(data_dependent_init=True, n_ensemble=k, parametrization=parametrization)
    module = net.module_
    with torch.no_grad():
        z = module.encode(torch.from_numpy(encoded(net)))
        if module.adapter is not None:
            z = module.adapter(z).flatten(0, 1)
        for layer in module.hidden:
            values = layer.linear(z)
            np.testing.assert_allclose(values.std(dim=0, correction=0), 1.0, rtol=1e-9)
            # A neuron bends within its rows: its zero is a mean of some of them.
            assert (values.min(dim=0).values < 0).all()
            assert (values.max(dim=0).values > 0).all()
            z = layer(z)
    plain = build(n_ensemble=k, parametrization=parametrization).module_
    rows = plain.encode(torch.from_numpy(encoded(net)))
    if plain.adapter is not None:
        rows = plain.adapter(rows).flatten(0, 1)
    deviation = plain.hidden[0].linear(rows).std(dim=0).detach().numpy()
    assert np.abs(deviation - 1).max() > 0.1


def test_data_dependent_init_takes_some_of_many_rows() -> None:
    """With more rows than it looks at, the variance is one up to chance."""
    rng = np.random.default_rng(0)
    many = np.column_stack([rng.standard_normal((5000, 3)), np.zeros(5000)])
    net: Any = TabularMLPRegressor(**AT_REST, data_dependent_init=True)
    net.fit(many, many[:, 0])
    rows = net._state.scaler.transform(net._read(many))
    z = net.module_.adapter(net.module_.encode(torch.from_numpy(rows))).flatten(0, 1)
    deviation = net.module_.hidden[0].linear(z).std(dim=0).detach().numpy()
    np.testing.assert_allclose(deviation, 1.0, atol=0.1)
    assert not np.allclose(deviation, 1.0, atol=1e-9)


def test_batch_norm_is_of_each_member() -> None:
    """Every member has running statistics of its own for every unit."""
    module = build(normalization="batch").module_
    norms = [layer.after[0] for layer in module.hidden]
    assert all(isinstance(norm, MemberBatchNorm) for norm in norms)
    assert [norm.num_features for norm in norms] == [3 * 10, 3 * 7]
    means = norms[0].running_mean.view(3, 10)
    assert (means.std(dim=0) > 1e-6).all()
    layer = build(normalization="layer").module_.hidden[0].after[0]
    assert isinstance(layer, nn.LayerNorm)
    assert layer.normalized_shape == (10,)


@pytest.mark.parametrize(
    ("dropout", "found"),
    [(0.0, [[], []]), (0.3, [[0.3], [0.3]]), ([0.0, 0.5], [[], [0.5]])],
)
def test_dropout_stands_behind_the_layers_it_is_asked_for(
    dropout: Any, found: list[list[float]]
) -> None:
    """One probability for all layers, or one for each."""
    layers = build(dropout=dropout).module_.hidden
    assert [
        [part.p for part in layer.after if isinstance(part, GeneratorDropout)]
        for layer in layers
    ] == found


def test_residual_adds_where_widths_agree() -> None:
    """The first layer and changes of width are left out."""
    layers = build(residual=True, hidden_layer_sizes=(6, 6, 4)).module_.hidden
    assert [layer.residual for layer in layers] == [False, True, False]
    layers = build(residual=False, hidden_layer_sizes=(6, 6, 4)).module_.hidden
    assert [layer.residual for layer in layers] == [False, False, False]
