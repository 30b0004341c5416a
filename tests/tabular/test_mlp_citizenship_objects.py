"""The estimator as an object: parameters, copies, pickles, and how it is shown."""

from __future__ import annotations

import copy
import functools
import inspect
import io
import pickle
import threading
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr, get_tags
from sklearn.utils.validation import check_is_fitted

from skdeep import MLPClassifier, MLPRegressor

X, LABELS = make_classification(80, 5, random_state=0)
BOTH = [MLPClassifier, MLPRegressor]
LEARNT = [
    "coefs_",
    "intercepts_",
    "loss_",
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "validation_loss_curve_",
    "n_layers_",
    "n_iter_",
    "classes_",
    "feature_names_in_",
]


def small(kind: Any, **varied: Any) -> Any:
    """Return a small estimator."""
    settings: dict[str, Any] = {
        "hidden_layer_sizes": (6,),
        "max_epochs": 4,
        "batch_size": 32,
        "random_state": 0,
    }
    return kind(**{**settings, **varied})


@pytest.mark.parametrize("kind", BOTH)
def test_parameters_are_those_of_the_signature(kind: Any) -> None:
    """Every name in the signature is a parameter with its default, and no other."""
    signature = inspect.signature(kind).parameters
    defaults = {name: item.default for name, item in signature.items()}
    assert kind().get_params() == defaults
    kinds = [item.kind for item in signature.values()]
    assert kinds[0] is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert set(kinds[1:]) == {inspect.Parameter.KEYWORD_ONLY}
    assert set(kind._parameter_constraints) == set(defaults)
    assert vars(kind()) == defaults


@pytest.mark.parametrize("kind", BOTH)
def test_parameters_are_stored_as_they_are(kind: Any) -> None:
    """Lists, arrays, classes, functions and generators go in and out by identity."""
    given = {
        "hidden_layer_sizes": np.array([3, 4]),
        "activation": [torch.nn.ReLU, torch.tanh],
        "dropout": [0.1, 0.2],
        "random_state": np.random.default_rng(0),
        "optimizer": torch.optim.Adamax,
        "optimizer_params": {"eps": 1e-7},
        "device": torch.device("cpu"),
        "betas": [0.8, 0.9],
    }
    model = kind(**given)
    for source in (model, kind().set_params(**given)):
        parameters = source.get_params()
        assert all(parameters[name] is value for name, value in given.items())
    model.set_params(max_epochs=2).fit(X, LABELS)
    assert all(getattr(model, name) is value for name, value in given.items())
    assert clone(model).fit(X, LABELS).coefs_[0].shape == (5, 3)


@pytest.mark.parametrize("kind", BOTH)
def test_unknown_parameters_are_refused(kind: Any) -> None:
    """A typing error is found at once, with the names there are."""
    with pytest.raises(TypeError, match="alpha"):
        kind(alpha=1.0)
    with pytest.raises(ValueError, match=r"Invalid parameter 'alpha'.*max_epochs"):
        kind().set_params(alpha=1.0)
    with pytest.raises(TypeError, match="positional"):
        kind((3,), 2)


@pytest.mark.parametrize("kind", BOTH)
def test_clone_is_unfitted_and_equal(kind: Any) -> None:
    """A clone has the parameters, none of what was learnt, and learns it again."""
    model = small(kind, dropout=0.1).fit(X, LABELS)
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    assert vars(twin) == twin.get_params()
    np.testing.assert_array_equal(twin.fit(X, LABELS).predict(X), model.predict(X))


@pytest.mark.parametrize("kind", BOTH)
def test_clone_with_a_generator_draws_as_the_first_would(kind: Any) -> None:
    """A RandomState is copied by clone, and advanced by every fit."""
    model = small(kind, random_state=np.random.RandomState(3))
    twin = clone(model)
    first, again = clone(model).fit(X, LABELS), twin.fit(X, LABELS)
    np.testing.assert_array_equal(first.coefs_[0], again.coefs_[0])
    assert not np.array_equal(twin.fit(X, LABELS).coefs_[0], first.coefs_[0])


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
def test_copies_predict_and_learn_on_their_own(kind: Any, copier: Any) -> None:
    """Training a copy further leaves the original as it was."""
    model = small(kind, dropout=0.1).fit(X, LABELS)
    expected = model.predict(X)
    coef = model.coefs_[0].copy()
    other = copier(model)
    np.testing.assert_array_equal(other.predict(X), expected)
    other.partial_fit(-X, LABELS)
    other.fit(-X, LABELS)
    np.testing.assert_array_equal(model.predict(X), expected)
    np.testing.assert_array_equal(model.coefs_[0], coef)
    assert not np.array_equal(other.coefs_[0], coef)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_every_protocol_predict_the_same(kind: Any, protocol: int) -> None:
    """Fitted and unfitted estimators survive, with all of their attributes."""
    model = small(kind, early_stopping=True).fit(X, LABELS)
    again = pickle.loads(pickle.dumps(model, protocol=protocol))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert set(vars(again)) == set(vars(model))
    assert again.loss_curve_ == model.loss_curve_
    assert again.get_params() == model.get_params()
    blank = pickle.loads(pickle.dumps(kind(l2=0.5), protocol=protocol))
    assert blank.get_params() == kind(l2=0.5).get_params()


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3)])
def test_joblib_round_trip_in_a_pipeline(
    kind: Any, compress: Any, tmp_path: Path
) -> None:
    """A dumped Pipeline answers alike, memory-mapped too, and trains on."""
    pipeline = make_pipeline(StandardScaler(), small(kind)).fit(X, LABELS)
    path = tmp_path / "pipeline.joblib"
    joblib.dump(pipeline, path, compress=compress)
    modes = (None, "r") if compress == 0 else (None,)
    for mode in modes:
        again = joblib.load(path, mmap_mode=mode)
        np.testing.assert_array_equal(again.predict(X), pipeline.predict(X))
        again[-1].partial_fit(X, LABELS)
        assert again[-1].n_iter_ == 5


@pytest.mark.parametrize("kind", BOTH)
def test_hash_of_joblib_is_that_of_the_parameters(kind: Any) -> None:
    """A Memory finds an equal estimator again, and tells another one apart."""
    assert joblib.hash(small(kind)) == joblib.hash(clone(small(kind)))
    assert joblib.hash(small(kind)) != joblib.hash(small(kind, l2=0.5))
    model = small(kind).fit(X, LABELS)
    assert joblib.hash(model) == joblib.hash(model)
    assert joblib.hash(model) != joblib.hash(clone(model))


@pytest.mark.parametrize("kind", BOTH)
def test_repr_names_what_was_changed(kind: Any) -> None:
    """The text is code that makes the estimator again."""
    name = kind.__name__
    assert repr(kind()) == f"{name}()"
    model = kind(hidden_layer_sizes=(3, 4), l1=0.5)
    assert repr(model) == f"{name}(hidden_layer_sizes=(3, 4), l1=0.5)"
    assert repr(model.set_params(max_epochs=1).fit(X, LABELS)).startswith(name)
    again = eval(repr(model), {name: kind})
    assert again.get_params() == model.get_params()
    with config_context(print_changed_only=False):
        assert "n_iter_no_change=10" in repr(kind())


@pytest.mark.parametrize("kind", BOTH)
def test_html_shows_the_state(kind: Any) -> None:
    """A notebook draws fitted and unfitted estimators, alone and in a Pipeline."""
    name = kind.__name__
    blank, model = kind(), small(kind).fit(X, LABELS)
    for shown in (blank, model, make_pipeline(StandardScaler(), model)):
        assert name in estimator_html_repr(shown)
        assert name in shown._repr_mimebundle_()["text/html"]
    assert "Not fitted" in estimator_html_repr(blank)
    assert "Not fitted" not in estimator_html_repr(model)


@pytest.mark.parametrize("kind", BOTH)
def test_unfitted_estimators_say_so(kind: Any) -> None:
    """Nothing that comes from training is there before it."""
    model = kind()
    with pytest.raises(NotFittedError, match=f"This {kind.__name__} instance is not"):
        check_is_fitted(model)
    for method in ("predict", "predict_proba", "predict_log_proba", "score"):
        if hasattr(model, method):
            arguments = (X, LABELS) if method == "score" else (X,)
            with pytest.raises(NotFittedError, match="not fitted yet"):
                getattr(model, method)(*arguments)
    assert [name for name in LEARNT if hasattr(model, name)] == []
    check_is_fitted(small(kind).fit(X, LABELS))


def test_kind_of_estimator_is_told_by_tags() -> None:
    """Meta-estimators read what a network takes from its tags."""
    assert is_classifier(MLPClassifier())
    assert is_regressor(MLPRegressor())
    tags = get_tags(MLPClassifier())
    assert tags.classifier_tags.multi_label
    assert tags.classifier_tags.multi_class
    assert tags.input_tags.sparse
    assert not tags.input_tags.allow_nan
    assert tags.target_tags.required
    assert get_tags(MLPRegressor()).target_tags.multi_output
    assert not get_tags(MLPRegressor()).target_tags.positive_only
    assert get_tags(MLPRegressor(loss="poisson")).target_tags.positive_only


@pytest.mark.parametrize("kind", BOTH)
def test_partial_fit_is_not_there_for_all_rows_at_once(kind: Any) -> None:
    """As in scikit-learn's perceptron it goes with L-BFGS, and the cause is told."""
    assert hasattr(kind(), "partial_fit")
    model = kind(optimizer="lbfgs")
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError, match="no attribute 'partial_fit'") as caught:
        model.partial_fit(X, LABELS)
    assert "mini-batch steps" in str(caught.value.__cause__)


@pytest.mark.parametrize("kind", BOTH)
def test_subclass_with_its_own_signature_is_an_estimator(kind: Any) -> None:
    """Users narrow the many parameters down by inheritance."""

    class Narrow(kind):
        """A network with two parameters."""

        def __init__(self, width: int = 4, *, random_state: int | None = None) -> None:
            super().__init__(width, max_epochs=3, random_state=random_state)
            self.width = width

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            """Fit with the width."""
            self.hidden_layer_sizes = (self.width,)
            return super().fit(X, y, sample_weight)

    model = clone(Narrow(random_state=0)).set_params(width=3).fit(X, LABELS)
    assert model.get_params() == {"width": 3, "random_state": 0}
    assert model.coefs_[0].shape == (5, 3)
    assert repr(model) == "Narrow(random_state=0, width=3)"


@pytest.mark.parametrize("kind", BOTH)
def test_numpy_scalars_are_parameters(kind: Any) -> None:
    """What comes out of a grid or an optimizer need not be converted."""
    model = small(
        kind,
        hidden_layer_sizes=np.int64(6),
        n_hidden_layers=np.int32(2),
        max_epochs=np.int64(3),
        learning_rate=np.float32(0.01),
        l2=np.float64(1e-3),
        dropout=np.float64(0.1),
        batch_size=np.int64(16),
        random_state=np.int64(5),
        shuffle=np.bool_(True),
        activation=np.str_("tanh"),
    )
    again = small(
        kind,
        hidden_layer_sizes=6,
        n_hidden_layers=2,
        max_epochs=3,
        learning_rate=float(np.float32(0.01)),
        l2=1e-3,
        dropout=0.1,
        batch_size=16,
        random_state=5,
        activation="tanh",
    )
    np.testing.assert_array_equal(
        model.fit(X, LABELS).predict(X), again.fit(X, LABELS).predict(X)
    )


@pytest.mark.parametrize("kind", BOTH)
def test_parameters_set_later_do_not_touch_what_was_learnt(kind: Any) -> None:
    """Predictions, weights and shapes are those of the fit until the next one."""
    model = small(kind).fit(X, LABELS)
    expected, coef = model.predict(X), model.coefs_[0].copy()
    later: dict[str, Any] = {
        "hidden_layer_sizes": (3, 3),
        "activation": "tanh",
        "normalization": "batch",
        "feature_scaling": None,
        "loss": "poisson" if kind is MLPRegressor else "focal",
        "optimizer": "lbfgs",
        "dtype": "float64",
        "batch_size": 1,
        "device": "cpu",
        "dropout": 0.9,
    }
    if kind is MLPRegressor:
        later["target_scaling"] = None
    for name, value in later.items():
        model.set_params(**{name: value})
        np.testing.assert_array_equal(model.predict(X), expected)
    np.testing.assert_array_equal(model.coefs_[0], coef)
    assert model.n_layers_ == 3
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), expected)


@pytest.mark.parametrize("kind", BOTH)
def test_predictions_from_many_threads_agree(kind: Any) -> None:
    """A fitted model may serve several requests at a time."""
    model = small(kind).fit(X, LABELS)
    expected = model.predict(X)
    answers: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: answers.append(model.predict(X)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(np.array_equal(answer, expected) for answer in answers)


def test_grids_make_estimators() -> None:
    """A factory by partial and a grid of arguments is all that a loop needs."""
    factory = functools.partial(MLPRegressor, max_epochs=1)
    grid = ParameterGrid({"optimizer": ["adam", "lbfgs"], "l2": [0.0, 1.0]})
    models = [factory(**point).fit(X, LABELS) for point in grid]
    assert len({model.loss_ for model in models}) == 4


@pytest.mark.parametrize("kind", BOTH)
def test_pickle_holds_no_training_data(kind: Any) -> None:
    """The file of a model is small however many rows it saw."""
    rng = np.random.default_rng(0)
    buffers = []
    for n_rows in (100, 20_000):
        table = rng.standard_normal((n_rows, 5))
        model = small(kind, max_epochs=1).fit(table, table[:, 0] > 0)
        buffers.append(io.BytesIO())
        pickle.dump(model, buffers[-1])
    assert abs(buffers[0].tell() - buffers[1].tell()) < 200
