"""The table of layers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import MLPClassifier, summary


def test_summary_counts_a_perceptron_by_hand(iris):
    """4 inputs, 8 neurons and 3 classes have (4 + 1) * 8 and (8 + 1) * 3 numbers."""
    found = summary(iris.estimator)
    assert [layer.n_parameters for layer in found.layers] == [40, 0, 27]
    assert [layer.output_shape for layer in found.layers] == [(8,), (8,), (3,)]
    assert [layer.kind for layer in found.layers] == [
        "Linear(4, 8)",
        "ReLU",
        "Linear(8, 3)",
    ]
    assert (found.n_parameters, found.n_trainable, found.n_frozen) == (67, 67, 0)
    n_bytes = 4 if iris.estimator.module_.layers[0].weight.itemsize == 4 else 8
    assert found.weight_bytes == 67 * n_bytes
    assert found.row_bytes == (8 + 8 + 3) * n_bytes


@pytest.mark.parametrize(
    "fixture",
    [
        "iris",
        "regressor",
        "tabular",
        "cnn",
        "frozen",
        "stopped",
        "bags",
        "windows",
        "rated",
    ],
)
def test_summary_counts_every_parameter_once(fixture, request):
    """The lines add up to what torch counts."""
    estimator = request.getfixturevalue(fixture).estimator
    parameters = list(estimator.module_.parameters())
    found = summary(estimator)
    assert found.n_parameters == sum(p.numel() for p in parameters)
    assert found.n_trainable == sum(p.numel() for p in parameters if p.requires_grad)


def test_summary_shows_stages_that_are_frozen(frozen):
    """The stages of a backbone are those that trainable_layers counts."""
    found = summary(frozen.estimator)
    stages = [layer for layer in found.layers if layer.layer.startswith("stage")]
    assert len(stages) == frozen.estimator.n_stages_ == 5
    assert all(layer.n_trainable == 0 for layer in stages)
    assert found.n_frozen == sum(layer.n_parameters for layer in stages)
    assert "frozen" in str(found)
    assert f"{found.n_frozen:,} of them frozen" in str(found)


def test_summary_shows_maps_and_members(cnn, tabular):
    """Maps have channels, height and width; members of an ensemble are an axis."""
    shapes = {layer.path: layer.output_shape for layer in summary(cnn.estimator).layers}
    assert shapes["blocks.0.layers.0"] == (4, 8, 8)
    assert shapes["blocks.0.after.0"] == (4, 4, 4)
    members = {x.path: x.output_shape for x in summary(tabular.estimator).layers}
    assert members["hidden.0.linear"] == (3, 8)
    assert members["head"] == (3, 3)


def test_summary_text_names_each_layer_once(regressor):
    """What belongs to a layer stands below its name."""
    text = str(summary(regressor.estimator))
    assert text.splitlines()[0] == "MLPRegressor"
    assert text.count("hidden layer 2") == 1
    for word in ("BatchNorm1d(6)", "Dropout(0.1)", "Tanh", "GELU", "Add"):
        assert word in text
    assert text == repr(summary(regressor.estimator))


def test_summary_html_is_a_table(iris):
    """Notebooks get the rows as HTML."""
    page = summary(iris.estimator)._repr_html_()
    assert page.count("<tr>") == 1 + 1 + 3
    assert "Linear(4, 8)" in page


def test_summary_lines_make_a_data_frame(iris):
    """pandas reads the lines as they are."""
    pandas = pytest.importorskip("pandas", reason="the frame is one of pandas")
    frame = pandas.DataFrame(summary(iris.estimator).layers)
    assert frame["n_parameters"].sum() == 67


def test_summary_looks_into_pipelines_and_searches(iris):
    """What is asked for is the network, wherever it is."""
    X, y = iris.X, iris.y
    mlp = MLPClassifier((8,), max_epochs=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), mlp).fit(X, y)
    search = GridSearchCV(mlp, {"l2": [0.0]}, cv=2).fit(X, y)
    assert summary(pipeline).n_parameters == summary(search).n_parameters == 67


def test_summary_refuses_what_has_no_network(iris):
    """Others' estimators and unfitted ones are told apart."""
    with pytest.raises(TypeError, match=r"^summary takes a fitted estimator of skdeep"):
        summary(DummyClassifier().fit(iris.X, iris.y))
    with pytest.raises(TypeError, match=r"Got StandardScaler\."):
        summary(make_pipeline(StandardScaler()).fit(iris.X))
    with pytest.raises(NotFittedError, match="MLPClassifier"):
        summary(MLPClassifier())


def test_summary_leaves_the_network_as_it_is(regressor):
    """A look changes no number, and no hook stays behind."""
    module = regressor.estimator.module_
    before = {name: value.clone() for name, value in module.state_dict().items()}
    summary(regressor.estimator)
    after = module.state_dict()
    assert all(np.array_equal(after[name], value) for name, value in before.items())
    assert not any(inner._forward_hooks for inner in module.modules())
    assert not any(inner._forward_pre_hooks for inner in module.modules())
