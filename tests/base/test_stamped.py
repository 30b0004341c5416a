"""What the diagrams of scikit-learn show of a fitted estimator."""

from __future__ import annotations

import re

import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import CNNClassifier, ImageAugmenter, MLPClassifier


def captions(page: str) -> list[str]:
    """Return the lines below the names of estimators."""
    return re.findall(r'class="caption">([^<]*)<', page)


def test_diagram_tells_how_the_training_went(tiny_table):
    """Epochs, the best loss and the device stand below the name."""
    mlp = MLPClassifier((4,), max_epochs=7, random_state=0)
    mlp.fit(tiny_table.X, tiny_table.labels)
    said = f"7 epochs, best training loss {mlp.best_loss_:.4g}, on cpu"
    assert captions(mlp._repr_html_()) == [said]
    assert captions(mlp._repr_mimebundle_()["text/html"]) == [said]


def test_diagram_names_the_validation_loss(tiny_table):
    """What was watched is told, and one epoch is one epoch."""
    mlp = MLPClassifier((4,), max_epochs=1, early_stopping=True, random_state=0)
    mlp.fit(tiny_table.X, tiny_table.labels)
    said = f"1 epoch, best validation loss {mlp.best_loss_:.4g}, on cpu"
    assert captions(mlp._repr_html_()) == [said]


def test_diagram_of_a_pipeline_tells_it_too(tiny_table):
    """The line stands at the step that it belongs to."""
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((4,), max_epochs=2))
    assert not any("epoch" in line for line in captions(pipeline._repr_html_()))
    pipeline.fit(tiny_table.X, tiny_table.labels)
    page = pipeline._repr_html_()
    (said,) = [line for line in captions(page) if "epoch" in line]
    assert page.index("MLPClassifier</div>") < page.index(said)


@pytest.mark.parametrize(
    "estimator",
    [MLPClassifier(), CNNClassifier(augmenter=ImageAugmenter(rotation=10))],
    ids=["plain", "nested"],
)
def test_diagram_before_a_fit_has_no_such_line(estimator):
    """There is nothing to tell yet, and parameters are shown as ever."""
    page = estimator._repr_html_()
    assert captions(page) == []
    assert type(estimator).__name__ in page
