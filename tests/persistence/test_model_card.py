"""Cards that say what a model takes, gives and is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdeep
from skdeep import MLPClassifier, MLPRegressor, model_card
from skdeep.exceptions import MissingDependencyError
from tests.placed import NUMBERS, ROWS, fitted, those_that


def rendered(*args: Any, **kwargs: Any) -> str:
    """Return a card as text."""
    pytest.importorskip("skops", reason="needs the extra safe")
    return str(model_card(*args, **kwargs).render())


@pytest.mark.parametrize("name", those_that(lambda placed: placed.onnx))
def test_card_of_every_estimator_can_be_written(name, tmp_path):
    """With its parameters, inputs, training and versions."""
    text = rendered(fitted(name), metrics={"score": 0.75}, description="For tests.")
    assert text.lstrip().startswith(f"# {name}\n")
    for title in ("Inputs", "Training", "Evaluation", "Parameters", "Versions"):
        assert f"## {title}\n" in text
    assert "For tests." in text
    assert "0.75" in text
    assert skdeep.__version__ in text


def test_card_has_the_schema_of_a_table():
    """Names of columns, and what they hold."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": ROWS[:, 0], "job": ["cook", "smith"] * 24})
    net = skdeep.TabularMLPRegressor((4,), n_ensemble=2, max_epochs=1)
    text = " ".join(rendered(net.fit(frame, NUMBERS)).split())
    assert "| age | numbers |" in text
    assert "| job | categories: strings |" in text


def test_card_states_the_licence_of_weights(monkeypatch):
    """Of pretrained ones; and says so where none is stated."""
    net: Any = fitted("ImageClassifier")
    assert "Pretrained weights" not in rendered(net)
    for stated, shown in (("BSD-3-Clause", "BSD-3-Clause"), (None, "none stated")):
        monkeypatch.setattr(net, "weights_", "ResNet18_Weights.IMAGENET1K_V1")
        monkeypatch.setattr(net, "weights_license_", stated)
        monkeypatch.setattr(net, "weights_sha256_", "f37072fd")
        text = rendered(net)
        assert shown in text
        assert "f37072fd" in text


def test_card_of_a_pipeline_describes_its_network():
    """Under its own name."""
    pipe = make_pipeline(StandardScaler(), MLPClassifier((4,), max_epochs=1))
    text = rendered(pipe.fit(ROWS, np.arange(48) % 2))
    assert "## MLPClassifier: Training\n" in text
    assert "mlpclassifier__learning_rate" in text


def test_what_is_not_fitted_has_no_card():
    """Nor does one come without skops."""
    pytest.importorskip("skops", reason="needs the extra safe")
    with pytest.raises(NotFittedError, match="not fitted"):
        model_card(MLPRegressor())


def test_missing_package_is_told(hide_module):
    """With the extra that installs it."""
    hide_module("skops")
    with pytest.raises(MissingDependencyError, match=r"model_card requires skops\. "):
        model_card(fitted("MLPRegressor"))
