"""skops: files without pickle in the format of skops, for tools that expect it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import (
    CNNClassifier,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TextClassifier,
)

pytestmark = pytest.mark.ecosystem("skops")

# All that a file asks to be trusted with beside types of skdeep.
FOREIGN_TYPES = {
    "functools.partial",
    "numpy.dtype",
    "skorch.setter.optimizer_setter",
    "torch.device",
}


def again(estimator):
    """Return what skops writes and reads, with the types that it asks about."""
    from skops import io

    data = io.dumps(estimator)
    types = io.get_untrusted_types(data=data)
    return io.loads(data, trusted=types), types


@pytest.mark.parametrize(
    "estimator", [MLPClassifier, TabularMLPClassifier, MLPRegressor]
)
def test_estimators_of_tables_come_back(two_classes, estimator):
    """What is read predicts to the bit, and goes on to be trained."""
    X, y = two_classes
    net = estimator((8,), max_epochs=5, random_state=0).fit(X, y)
    read, types = again(net)
    np.testing.assert_array_equal(read.predict(X), net.predict(X))
    np.testing.assert_array_equal(
        read.fit(X, y).predict(X), net.predict(X), err_msg="another fit"
    )
    assert {name for name in types if not name.startswith("skdeep.")} <= FOREIGN_TYPES


def test_pipeline_comes_back(two_classes):
    """Steps of scikit-learn go along; probabilities are equal to the bit."""
    X, y = two_classes
    net = MLPClassifier((8,), max_epochs=5, random_state=0)
    pipeline = make_pipeline(StandardScaler(), net).fit(X, y)
    read, _ = again(pipeline)
    np.testing.assert_array_equal(read.predict_proba(X), pipeline.predict_proba(X))


def test_estimator_of_texts_comes_back():
    """The vocabulary goes along."""
    texts = ["good film", "bad film"] * 20
    net = TextClassifier(max_epochs=5, random_state=0).fit(texts, [1, 0] * 20)
    read, _ = again(net)
    np.testing.assert_array_equal(read.predict_proba(texts), net.predict_proba(texts))


def test_estimator_of_images_comes_back():
    """The network of convolutions goes along."""
    X = np.random.default_rng(0).random((40, 8, 8))
    net = CNNClassifier((4,), max_epochs=2, random_state=0).fit(X, [0, 1] * 20)
    read, _ = again(net)
    np.testing.assert_array_equal(read.predict_proba(X), net.predict_proba(X))


def test_nothing_is_read_untrusted(two_classes):
    """Without the types a file is refused, as skops promises."""
    from skops import io
    from skops.io.exceptions import UntrustedTypesFoundException

    net = MLPClassifier((8,), max_epochs=2, random_state=0).fit(*two_classes)
    with pytest.raises(UntrustedTypesFoundException, match="MLPClassifier"):
        io.loads(io.dumps(net))
