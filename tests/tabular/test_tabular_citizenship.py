"""The estimators as objects: parameters, copies, files, and company they keep."""

from __future__ import annotations

import inspect
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr, get_tags

import skdeep
from skdeep import TabularMLPClassifier, TabularMLPRegressor

BOTH = [TabularMLPClassifier, TabularMLPRegressor]
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "n_ensemble": 2,
    "embedding_dim": 3,
    "n_bins": 4,
    "learning_rate": 0.02,
    "max_epochs": 3,
    "early_stopping": False,
    "batch_size": 1000,
    "random_state": 0,
}
RNG = np.random.default_rng(0)
X = np.column_stack(
    [RNG.standard_normal((90, 2)), RNG.choice(["a", "b", "c"], 90)]
).astype(object)
X[:, :2] = X[:, :2].astype(float)
X[::8, 1] = None
Y = (X[:, 2] == "a").astype(int)


def outputs(net: Any, rows: Any = X) -> np.ndarray:
    """Return the predictions that are numbers."""
    if hasattr(net, "predict_proba"):
        return np.asarray(net.predict_proba(rows))
    return np.asarray(net.predict(rows))


@pytest.mark.parametrize("kind", BOTH)
def test_parameters_are_those_of_the_signature(kind: Any) -> None:
    """Every name in the signature is a checked parameter with its default."""
    signature = inspect.signature(kind).parameters
    defaults = {name: item.default for name, item in signature.items()}
    assert kind().get_params() == defaults == vars(kind())
    assert set(kind._parameter_constraints) == set(defaults)
    kinds = [item.kind for item in signature.values()]
    assert set(kinds[1:]) == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("kind", BOTH)
def test_parameters_are_stored_as_they_are(kind: Any) -> None:
    """Lists, arrays and callbacks go in and out by identity, and a clone fits alike."""
    given = {
        "hidden_layer_sizes": np.array([5, 4]),
        "activation": ["relu", "tanh"],
        "dropout": [0.1, 0.2],
        "categorical_features": np.array([False, False, True]),
        "callbacks": [],
    }
    net = kind(**{**SMALL, **given}).fit(X, Y)
    assert all(net.get_params()[name] is value for name, value in given.items())
    copy = clone(net)
    assert not hasattr(copy, "module_")
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        copy.predict(X)
    np.testing.assert_array_equal(outputs(copy.fit(X, Y)), outputs(net))


def test_estimators_are_public() -> None:
    """Both are found by their short name and in their room."""
    for kind in BOTH:
        assert kind.__name__ in skdeep.__all__
        assert getattr(skdeep.tabular, kind.__name__) is kind


def test_kind_and_tags_say_what_is_taken() -> None:
    """Holes, categories and words are welcome, sparse rows are not."""
    assert is_classifier(TabularMLPClassifier())
    assert is_regressor(TabularMLPRegressor())
    for kind in BOTH:
        tags = get_tags(kind()).input_tags
        assert tags.allow_nan
        assert tags.categorical
        assert tags.string
        assert not tags.sparse
    assert get_tags(TabularMLPClassifier()).classifier_tags.multi_label
    assert get_tags(TabularMLPRegressor()).target_tags.multi_output


INVALID: dict[str, Any] = {
    "hidden_layer_sizes": "wide",
    "n_hidden_layers": -1,
    "parametric_activation": "yes",
    "dropout_schedule": "coslog",
    "n_ensemble": 0,
    "feature_gate": 0.0,
    "parametrization": "mup",
    "data_dependent_init": "no",
    "categorical_features": 3,
    "max_onehot": -1,
    "category_dim": 0,
    "feature_scaling": "minmax",
    "missing_indicators": "maybe",
    "scale_onehot": 2,
    "numeric_embedding": "fourier",
    "embedding_dim": 0,
    "n_bins": 0,
    "binning": "kmeans",
    "n_frequencies": 0.5,
    "frequency_scale": 0.0,
    "weight_decay_schedule": "linear",
    "time_limit": 0,
    "refit": "later",
    "early_stopping": "always",
    "validation_fraction": 1.0,
    "max_epochs": 0,
    "batch_size": 0,
}


@pytest.mark.parametrize("name", INVALID)
@pytest.mark.parametrize("kind", BOTH)
def test_invalid_value_gives_the_sentence_of_scikit_learn(kind: Any, name: str) -> None:
    """It names the parameter, the estimator, the rule and the value."""
    net = kind(**SMALL).set_params(**{name: INVALID[name]})
    sentence = f"(?s)The '{name}' parameter of {kind.__name__} must be.* Got "
    with pytest.raises(ValueError, match=sentence):
        net.fit(X, Y)
    assert not hasattr(net, "module_")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (TabularMLPClassifier, "clip_predictions"),
        (TabularMLPClassifier, "quantile"),
        (TabularMLPRegressor, "class_weight"),
        (TabularMLPRegressor, "calibration"),
    ],
)
def test_parameter_of_the_other_kind_is_unknown(kind: Any, name: str) -> None:
    """What makes no sense for a task is no parameter there."""
    with pytest.raises(ValueError, match=f"Invalid parameter '{name}'"):
        kind().set_params(**{name: None})


@pytest.mark.parametrize("partly", [False, True])
@pytest.mark.parametrize("kind", BOTH)
def test_pickle_and_joblib_keep_every_bit(
    kind: Any, partly: bool, tmp_path: Path
) -> None:
    """What comes back predicts the same, and is no larger than it must be."""
    net = kind(**SMALL, dropout=0.1)
    if partly:
        net.partial_fit(X, Y, **({"classes": [0, 1]} if kind is BOTH[0] else {}))
    else:
        net.fit(X, Y)
    joblib.dump(net, tmp_path / "net.joblib")
    for again in (
        pickle.loads(pickle.dumps(net)),
        joblib.load(tmp_path / "net.joblib"),
    ):
        np.testing.assert_array_equal(outputs(again), outputs(net))
        assert again.get_params() == net.get_params()
        assert again.n_iter_ == net.n_iter_
        assert again.loss_curve_ == net.loss_curve_


@pytest.mark.parametrize("kind", BOTH)
def test_file_holds_weights_and_encoder_and_little_else(kind: Any) -> None:
    """No rows, no optimizer, no second copy."""
    params = {**SMALL, "hidden_layer_sizes": (200, 200), "early_stopping": True}
    rows = RNG.standard_normal((2000, 10))
    net = kind(**params, dtype="float32").fit(rows, rows[:, 0] > 0)
    tensors = net.module_.state_dict().values()
    weights = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    encoder = len(pickle.dumps(net._state.scaler))
    assert weights > 150_000
    assert len(pickle.dumps(net)) <= 1.1 * weights + encoder + 20_000


def test_worker_processes_predict_the_same_bits() -> None:
    """Whether a fold is trained here or in a process of joblib's."""
    net = TabularMLPClassifier(**SMALL, dropout=0.2)
    answers = [
        cross_val_predict(net, X, Y, cv=2, method="predict_proba", n_jobs=n_jobs)
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(answers[0], answers[1])


@pytest.mark.parametrize("kind", BOTH)
def test_four_threads_at_once_get_the_same_bits(kind: Any) -> None:
    """Fits and predictions share no state; each thread waits for the others first."""
    expected = outputs(kind(**SMALL, dropout=0.2).fit(X, Y))
    shared = kind(**SMALL).fit(X, Y)
    of_shared = outputs(shared)
    barrier = threading.Barrier(4)

    def work(_: int) -> list[np.ndarray]:
        barrier.wait()
        own = outputs(kind(**SMALL, dropout=0.2).fit(X, Y))
        return [own, *(outputs(shared) for _ in range(5))]

    with ThreadPoolExecutor(4) as pool:
        for own, *others in pool.map(work, range(4)):
            np.testing.assert_array_equal(own, expected)
            for other in others:
                np.testing.assert_array_equal(other, of_shared)


@pytest.mark.parametrize("kind", BOTH)
def test_random_state_decides_every_bit(kind: Any) -> None:
    """The same number gives the same network, another one another; None any."""
    params = {**SMALL, "dropout": 0.2, "batch_size": 20}
    one, two = (outputs(kind(**params).fit(X, Y)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    for state in (1, None):
        other = kind(**{**params, "random_state": state}).fit(X, Y)
        assert not np.allclose(outputs(other), one)


def test_global_generators_are_neither_read_nor_moved() -> None:
    """Not by None as random_state either."""
    legacy = np.random.get_state(legacy=False)["state"]
    before = legacy["key"].copy(), legacy["pos"]
    nets = []
    for _ in range(2):
        net = TabularMLPClassifier(**{**SMALL, "random_state": None}, dropout=0.2)
        nets.append(outputs(net.fit(X, Y)))
    after = np.random.get_state(legacy=False)["state"]
    np.testing.assert_array_equal(after["key"], before[0])
    assert after["pos"] == before[1]
    # Had they been read, the same state would have given the same network.
    assert not np.allclose(nets[0], nets[1])


def test_search_over_members_keeps_the_best() -> None:
    """A grid over n_ensemble fits each, and refits the winner."""
    search = GridSearchCV(
        TabularMLPClassifier(**SMALL), {"n_ensemble": [1, 3]}, cv=2
    ).fit(X, Y)
    assert search.best_estimator_.n_ensemble == search.best_params_["n_ensemble"]
    scores = search.cv_results_["mean_test_score"]
    assert search.best_score_ == max(scores)
    assert np.isfinite(scores).all()
    members = search.best_params_["n_ensemble"]
    expected = TabularMLPClassifier(**{**SMALL, "n_ensemble": members}).fit(X, Y)
    np.testing.assert_array_equal(search.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("kind", BOTH)
def test_pipeline_passes_rows_and_weights_on(kind: Any) -> None:
    """The last step of a pipeline is the estimator itself."""
    rows, weight = RNG.standard_normal((60, 3)), np.arange(60) % 4
    y = (rows[:, 0] > 0).astype(int)
    pipe = make_pipeline(StandardScaler(), kind(**SMALL))
    step = kind.__name__.lower()
    pipe.fit(rows, y, **{f"{step}__sample_weight": weight})
    scaled = StandardScaler().fit_transform(rows)
    expected = kind(**SMALL).fit(scaled, y, weight)
    np.testing.assert_array_equal(outputs(pipe, rows), outputs(expected, scaled))
    pipe.set_params(**{f"{step}__n_ensemble": 3}).fit(rows, y)
    assert pipe[-1].module_.adapter.weight.shape[0] == 3


@pytest.mark.parametrize("kind", BOTH)
def test_cross_validation_hands_weights_to_fit(kind: Any) -> None:
    """Without metadata routing `params` go to fit, cut to the rows of each fold."""
    weight = np.where(np.arange(90) < 45, 1.0, 0.0)
    folds = [(np.arange(60), np.arange(60, 90))]
    with_weight = cross_val_score(
        kind(**SMALL), X, Y, cv=folds, params={"sample_weight": weight}
    )
    expected = kind(**SMALL).fit(X[:45], Y[:45])
    assert with_weight[0] == pytest.approx(expected.score(X[60:], Y[60:]), rel=1e-6)


@pytest.mark.parametrize("kind", BOTH)
def test_estimator_shows_in_a_notebook(kind: Any) -> None:
    """By its name and what was set, fitted or not."""
    net = kind(**SMALL)
    for model in (net, clone(net).fit(X, Y), make_pipeline(net)):
        shown = estimator_html_repr(model)
        assert kind.__name__ in shown
        assert "hidden_layer_sizes" in shown
    assert repr(net).startswith(f"{kind.__name__}(batch_size=1000, ")


@pytest.mark.parametrize("kind", BOTH)
def test_names_and_number_of_features_are_known(kind: Any) -> None:
    """Names where the columns had some, and none after an array."""
    pd = pytest.importorskip("pandas")
    net = kind(**SMALL).fit(pd.DataFrame(X, columns=["u", "v", "w"]), Y)
    assert net.feature_names_in_.tolist() == ["u", "v", "w"]
    assert net.n_features_in_ == 3
    net.fit(X[:, :2].astype(float), Y)
    assert net.n_features_in_ == 2
    assert not hasattr(net, "feature_names_in_")
