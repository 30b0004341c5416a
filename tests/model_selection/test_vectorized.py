"""Tests of the grid search that trains networks side by side."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
    cross_val_score,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from skdeep import (
    Checkpoint,
    MLPClassifier,
    MLPRegressor,
    OptunaSearchCV,
    VectorizedSearchCV,
)
from skdeep.exceptions import DivergenceError

QUICK: dict[str, Any] = {
    "hidden_layer_sizes": (6,),
    "max_epochs": 5,
    "random_state": 0,
    "dtype": "float64",
}
RATES: dict[str, Any] = {"learning_rate": [1e-3, 3e-2], "dropout": [0.0, 0.2]}


@pytest.fixture(scope="module")
def iris() -> Any:
    """Return some flowers, fewer of the third kind, and their names."""
    X, y = load_iris(return_X_y=True)
    rows = np.random.default_rng(0).permutation(150)[:100]
    return X[rows], np.array(["a", "b", "c"])[y[rows]]


@pytest.fixture
def classifier() -> MLPClassifier:
    """Return a classifier that is trained in a moment."""
    return MLPClassifier(**QUICK)


def both(
    estimator: Any, grid: Any, data: Any, params: Any = None, **options: Any
) -> tuple[Any, Any]:
    """Return our search and scikit-learn's, after comparing what they found."""
    options = {"cv": 3, **options}
    ours, theirs = (
        kind(clone(estimator), grid, **options).fit(*data, **(params or {}))
        for kind in (VectorizedSearchCV, GridSearchCV)
    )
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    for name, expected in theirs.cv_results_.items():
        if name.startswith("param"):
            assert str(ours.cv_results_[name]) == str(expected)
        elif "_time" not in name:
            np.testing.assert_allclose(
                ours.cv_results_[name], expected, rtol=1e-9, err_msg=name
            )
    for name in ("best_index_", "best_params_", "multimetric_", "n_splits_"):
        assert hasattr(ours, name) == hasattr(theirs, name)
        assert str(getattr(ours, name, None)) == str(getattr(theirs, name, None))
    assert hasattr(ours, "best_score_") == hasattr(theirs, "best_score_")
    return ours, theirs


def test_results_are_those_of_a_grid_search(classifier: Any, iris: Any) -> None:
    """Scores, ranks, the best and its predictions: only the time is another."""
    ours, theirs = both(classifier, RATES, iris, return_train_score=True)
    assert (ours.stack_sizes_ == 12).all()
    assert ours.best_score_ == pytest.approx(theirs.best_score_)
    np.testing.assert_array_equal(ours.predict(iris[0]), theirs.predict(iris[0]))
    np.testing.assert_array_equal(ours.classes_, ["a", "b", "c"])
    assert ours.score(*iris) == theirs.score(*iris)
    assert (ours.cv_results_["mean_fit_time"] > 0).all()


def test_regressor_is_searched_as_well(iris: Any) -> None:
    """Numbers have a score of their own."""
    X = iris[0]
    ours, _ = both(MLPRegressor(**QUICK), RATES, (X[:, 1:], X[:, 0]))
    assert is_regressor(ours)
    assert (ours.stack_sizes_ == 12).all()


@pytest.mark.parametrize("refit", ["neg_log_loss", False, "last"])
def test_several_metrics(classifier: Any, iris: Any, refit: Any) -> None:
    """One of them decides, or a function, or nobody."""
    refit = (lambda results: len(results["params"]) - 1) if refit == "last" else refit
    ours, _ = both(
        classifier,
        RATES,
        iris,
        scoring=["accuracy", "neg_log_loss"],
        refit=refit,
    )
    assert hasattr(ours, "best_estimator_") == bool(refit)


@pytest.mark.parametrize("several", [True, False])
def test_scoring_by_a_function(classifier: Any, iris: Any, several: bool) -> None:
    """What it returns tells whether there are several metrics."""

    def score(model: Any, X: Any, y: Any) -> Any:
        found = model.predict_proba(X).max()
        return {"sure": found, "right": model.score(X, y)} if several else found

    refit = "right" if several else True
    both(classifier, RATES, iris, scoring=score, refit=refit)


def test_metrics_without_one_that_decides_are_refused(
    classifier: Any, iris: Any
) -> None:
    """The sentence is scikit-learn's."""
    search = VectorizedSearchCV(classifier, RATES, scoring=["accuracy", "r2"])
    with pytest.raises(ValueError, match="parameter refit must be set to a scorer key"):
        search.fit(*iris)


def test_weights_are_cut_into_folds(classifier: Any, iris: Any, seed: int) -> None:
    """A weight goes with its row, to the fit and to the metric that takes it."""
    weight = np.random.default_rng(seed).random(len(iris[1]))
    both(classifier, RATES, iris, {"sample_weight": weight})


def test_groups_reach_the_splitter(classifier: Any, iris: Any) -> None:
    """No group is on both sides."""
    groups = np.arange(len(iris[1])) // 20
    both(classifier, RATES, iris, {"groups": groups}, cv=GroupKFold(3))


def test_folds_are_drawn_once(classifier: Any, iris: Any) -> None:
    """All candidates are compared on the same rows, also without a seed."""
    grid = {"learning_rate": [1e-2] * 3}
    splitter = ShuffleSplit(2, test_size=0.3, random_state=np.random.RandomState(0))
    search = VectorizedSearchCV(classifier, grid, cv=splitter)
    search.fit(*iris)
    assert len(set(search.cv_results_["split0_test_score"])) == 1


PIPELINE = Pipeline(
    [
        ("scale", StandardScaler()),
        ("pca", PCA(random_state=0)),
        ("net", MLPClassifier(**QUICK)),
    ]
)


def test_preprocessing_is_part_of_the_grid(iris: Any) -> None:
    """Candidates may differ in any step of a Pipeline."""
    grid = {
        "net__l2": [1e-4, 1e-2],
        "pca__n_components": [2, 3],
        "scale": [StandardScaler(), MinMaxScaler(), "passthrough"],
    }
    ours, _ = both(PIPELINE, grid, iris)
    assert set(ours.stack_sizes_.ravel()) == {18}
    assert ours.best_estimator_.predict(iris[0]).shape == iris[1].shape


def test_preprocessing_is_fitted_once_a_fold(iris: Any) -> None:
    """Candidates that differ in the network alone share what comes before it."""
    calls = []

    def count(X: Any) -> Any:
        calls.append(len(X))
        return X

    pipeline = make_pipeline(FunctionTransformer(count), MLPClassifier(**QUICK))
    grid = {f"mlpclassifier__{name}": values for name, values in RATES.items()}
    VectorizedSearchCV(pipeline, grid, cv=KFold(4), refit=False).fit(*iris)
    assert calls.count(75) == 4
    # Each candidate sees the rows that it is scored on.
    assert calls.count(25) == 16


def test_pipelines_within_pipelines(iris: Any) -> None:
    """The network is found at the end of the last one."""
    pipeline = make_pipeline(MinMaxScaler(), PIPELINE)
    grid = {"pipeline__net__l2": [1e-4, 1e-2], "pipeline__pca__n_components": [1, 2]}
    ours, _ = both(pipeline, grid, iris)
    assert set(ours.stack_sizes_.ravel()) == {6}


def test_networks_themselves_may_be_candidates(iris: Any) -> None:
    """A whole step is a parameter, too, and may be no network at all."""
    grid = {
        "net": [MLPClassifier(**QUICK), LogisticRegression(), MLPRegressor(**QUICK)],
        "scale": ["passthrough", StandardScaler()],
    }
    X, y = iris
    ours, _ = both(PIPELINE, grid, (X, (y == "a").astype(int)))
    np.testing.assert_array_equal(ours.stack_sizes_[:, 0], [6, 6, 1, 1, 6, 6])


def test_failing_preprocessing_is_the_failure_of_its_candidates(iris: Any) -> None:
    """Others go on."""
    grid = {"pca__n_components": [2, 50], "net__l2": [1e-4, 1e-2]}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        ours, _ = both(PIPELINE, grid, iris)
    failures = [str(w.message) for w in told if w.category is FitFailedWarning]
    assert len(failures) == 2
    # The very same error is told of once.
    assert all("6 fits failed with the following error" in text for text in failures)
    assert np.isnan(ours.cv_results_["mean_test_score"]).sum() == 2


def test_diverging_member_gets_the_error_score(classifier: Any, iris: Any) -> None:
    """It harms no other, and is never the best."""
    classifier.set_params(optimizer="sgd")
    grid = {"learning_rate": [1e-2, 1e12, 2e-2]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, _ = both(classifier, grid, iris)
    assert ours.best_index_ != 1
    with pytest.warns(FitFailedWarning, match="DivergenceError"):
        ours, _ = both(classifier, grid, iris, error_score=-1.0)
    assert ours.cv_results_["mean_test_score"][1] == -1


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("activation", ["relu", 3]),
        ("activation", ["relu", ("tanh", None)]),
        ("normalization", [None, np.eye(2)]),
        ("loss", ["cross_entropy", 3]),
        ("hidden_layer_sizes", [(4,), "many"]),
    ],
)
def test_value_of_another_type_is_the_failure_of_its_candidate(
    classifier: Any, iris: Any, name: str, values: list[Any]
) -> None:
    """Whether networks are alike is asked of valid parameters only."""
    search = VectorizedSearchCV(classifier, {name: values}, cv=2)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        search.fit(*iris)
    assert search.best_index_ == 0
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]
    failures = [w.message for w in told if w.category is FitFailedWarning]
    assert f"The '{name}' parameter of MLPClassifier must be" in str(failures[0])


def test_diverging_member_can_raise(classifier: Any, iris: Any) -> None:
    """What a fit raises is raised, and the search stays as it was."""
    search = VectorizedSearchCV(classifier, RATES, cv=3).fit(*iris)
    before = vars(search).copy()
    grid = {"learning_rate": [1e12]}
    search.set_params(estimator__optimizer="sgd", param_grid=grid, error_score="raise")
    with pytest.raises(DivergenceError, match="MLPClassifier"):
        search.fit(*iris)
    assert search.best_estimator_ is before["best_estimator_"]
    assert search.cv_results_ is before["cv_results_"]


def test_failure_of_all_is_an_error(classifier: Any, iris: Any) -> None:
    """There is no best of none."""
    search = VectorizedSearchCV(classifier, {"learning_rate": [-1.0]}, cv=3)
    with pytest.raises(ValueError, match="All the 3 fits failed"):
        search.fit(*iris)
    with pytest.raises(NotFittedError):
        search.predict(iris[0])


def test_empty_grid_is_refused(classifier: Any, iris: Any) -> None:
    """A parameter without a value is a slip."""
    with pytest.raises(ValueError, match="empty"):
        VectorizedSearchCV(classifier, {"l2": []}).fit(*iris)


def test_checkpoint_of_many_fits_is_refused(
    classifier: Any, iris: Any, tmp_path: Path
) -> None:
    """They would write the same file; a Pipeline hands it on by another name."""
    store = Checkpoint(tmp_path / "run.skdeep")
    with pytest.raises(ValueError, match=r"VectorizedSearchCV.* no checkpoint"):
        VectorizedSearchCV(classifier, RATES, cv=2).fit(*iris, checkpoint=store)
    search = OptunaSearchCV(
        make_pipeline(StandardScaler(), classifier),
        {"mlpclassifier__l2": [1e-4, 1e-2]},
        n_trials=2,
        cv=2,
    )
    with pytest.raises(ValueError, match=r"mlpclassifier__checkpoint=.* Set storage="):
        search.fit(*iris, mlpclassifier__checkpoint=store)
    assert not any(tmp_path.iterdir())


def test_name_that_is_no_string_is_refused(classifier: Any, iris: Any) -> None:
    """In a sentence."""
    with pytest.raises(TypeError, match="name parameters by strings"):
        VectorizedSearchCV(classifier, {1: [0.1]}).fit(*iris)


def test_unknown_name_is_refused(classifier: Any, iris: Any) -> None:
    """A slip of the keyboard is no failed fit."""
    with pytest.raises(ValueError, match="Invalid parameter 'learningrate'"):
        VectorizedSearchCV(classifier, {"learningrate": [1.0]}).fit(*iris)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_estimators_of_others_are_fitted_one_by_one(iris: Any, n_jobs: Any) -> None:
    """The search is an ordinary one for them, in processes if so wanted."""
    ours, _ = both(
        LogisticRegression(max_iter=500), {"C": [0.1, 1.0]}, iris, n_jobs=n_jobs
    )
    assert (ours.stack_sizes_ == 1).all()


def test_what_cannot_be_stacked_is_mixed_with_what_can(
    classifier: Any, iris: Any
) -> None:
    """Grids are cut by what their networks have in common."""
    grid = [
        {"learning_rate": [1e-3, 1e-2], "hidden_layer_sizes": [(4,), (5,)]},
        {"normalization": ["batch"]},
        {"optimizer": ["lbfgs"], "max_epochs": [3]},
    ]
    ours, _ = both(classifier, grid, iris)
    np.testing.assert_array_equal(ours.stack_sizes_[:, 0], [6, 6, 6, 6, 1, 1])


def test_search_within_a_search(classifier: Any, iris: Any) -> None:
    """It is a classifier, is cloned, and is scored in folds like any other."""
    search = VectorizedSearchCV(classifier, RATES, cv=2)
    assert is_classifier(search)
    nested = cross_val_score(search, *iris, cv=2)
    plain = cross_val_score(GridSearchCV(classifier, RATES, cv=2), *iris, cv=2)
    np.testing.assert_allclose(nested, plain)


def test_fitted_search_pickles(classifier: Any, iris: Any) -> None:
    """What was found, and the best estimator, come back."""
    search = VectorizedSearchCV(classifier, RATES, cv=2).fit(*iris)
    loaded = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(loaded.predict(iris[0]), search.predict(iris[0]))
    assert loaded.best_params_ == search.best_params_


def test_second_fit_forgets_the_first(classifier: Any, iris: Any) -> None:
    """Nothing is left of a fit with another `refit`."""
    search = VectorizedSearchCV(classifier, RATES, cv=2).fit(*iris)
    search.set_params(refit=False).fit(*iris)
    assert not hasattr(search, "best_estimator_")
    with pytest.raises(AttributeError, match="predict"):
        search.predict(iris[0])


def test_metadata_routing(classifier: Any, iris: Any) -> None:
    """With routing on, weights go where they are asked for."""
    weight = np.linspace(0.1, 2, len(iris[1]))
    with sklearn.config_context(enable_metadata_routing=True):
        net = classifier.set_fit_request(sample_weight=True)
        net.set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler(), net)
        pipeline[0].set_fit_request(sample_weight=False)
        grid = {"mlpclassifier__l2": [1e-4, 1e-1]}
        ours, _ = both(pipeline, grid, iris, {"sample_weight": weight})
    assert set(ours.stack_sizes_.ravel()) == {6}


def test_verbose_tells_of_the_stacks(
    classifier: Any, iris: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says nothing unless it is asked to."""
    search = VectorizedSearchCV(classifier, RATES, cv=3, refit=False)
    search.fit(*iris)
    assert capsys.readouterr().out == ""
    search.set_params(verbose=1).fit(*iris)
    told = capsys.readouterr().out
    assert "12 networks in 1 stacks, 0 one by one" in told


@pytest.mark.skipif(
    not hasattr(GridSearchCV, "set_callbacks"), reason="scikit-learn < 1.9 has none"
)
def test_callbacks_of_scikit_learn_hear_of_the_search(
    classifier: Any, iris: Any
) -> None:
    """The search and the refit are tasks of theirs."""
    heard: list[str] = []

    class Listener:
        """Write down what is called."""

        requires_fit_info: tuple[str, ...] = ()
        max_propagation_depth = 0

        def setup(self, estimator: Any, context: Any) -> None:
            """Begin."""
            heard.append("setup")

        def on_fit_task_begin(self, *args: Any, **kwargs: Any) -> None:
            """Hear of a task."""
            heard.append("begin")

        def on_fit_task_end(self, *args: Any, **kwargs: Any) -> bool:
            """Hear of its end."""
            heard.append("end")
            return False

        def teardown(self, estimator: Any, context: Any) -> None:
            """End."""
            heard.append("teardown")

    search = VectorizedSearchCV(classifier, RATES, cv=2)
    search.set_callbacks(Listener()).fit(*iris)
    assert heard.count("begin") == heard.count("end") >= 2


class NamedOtherwise(BaseEstimator):
    """Call the targets something else than y."""

    def __init__(self, shift: float = 0.0) -> None:
        self.shift = shift

    def fit(self, X: Any, Y: Any) -> NamedOtherwise:
        """Keep the mean."""
        self.mean_ = float(np.mean(Y))
        return self

    def score(self, X: Any, Y: Any) -> float:
        """Return how far the mean is from a number."""
        return -abs(self.mean_ - self.shift)


@pytest.mark.parametrize("search", [VectorizedSearchCV, OptunaSearchCV])
def test_targets_are_handed_on_by_position(search: Any) -> None:
    """As scikit-learn's searches do, whatever the estimator calls them."""
    X, y = np.zeros((8, 1)), np.full(8, 3.0)
    found = search(NamedOtherwise(), {"shift": [1.0, 3.0]}, cv=2).fit(X, y)
    assert found.best_estimator_.mean_ == 3.0
    assert found.best_params_ == {"shift": 3.0}
