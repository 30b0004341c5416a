"""Cross-validation, searches, curves and inspection."""

from __future__ import annotations

import warnings
from typing import Any

import joblib
import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import (
    load_iris,
    make_multilabel_classification,
    make_regression,
)
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFE, SequentialFeatureSelector
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import MLPClassifier, MLPRegressor

X, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
TABLE, VALUES = make_regression(120, 4, n_informative=2, noise=5.0, random_state=0)
SETTINGS: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "max_epochs": 60,
    "learning_rate": 0.05,
    "random_state": 0,
}


@pytest.fixture
def classifier() -> MLPClassifier:
    """Return a classifier that learns in a moment."""
    return MLPClassifier(**SETTINGS)


@pytest.fixture
def regressor() -> MLPRegressor:
    """Return a regressor that learns in a moment."""
    return MLPRegressor(**SETTINGS)


def test_cross_validation_scores_with_several_metrics(
    classifier: MLPClassifier,
) -> None:
    """Names, callables and probabilities: every scorer finds what it asks for."""
    scoring = {
        "accuracy": "accuracy",
        "loss": "neg_log_loss",
        "auc": "roc_auc_ovr",
        "made": make_scorer(accuracy_score),
        "best": lambda model, X, y: model.predict_proba(X).max(),
    }
    scores = cross_validate(
        classifier,
        X,
        NAMES,
        cv=3,
        scoring=scoring,
        return_train_score=True,
        return_estimator=True,
        error_score="raise",
    )
    assert scores["test_accuracy"].min() > 0.85
    assert scores["test_loss"].max() < 0
    assert scores["test_auc"].min() > 0.95
    np.testing.assert_array_equal(scores["test_made"], scores["test_accuracy"])
    assert scores["train_best"].max() <= 1
    assert [model.n_features_in_ for model in scores["estimator"]] == [4, 4, 4]
    assert not hasattr(classifier, "classes_")


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error", "neg_max_error"])
def test_scorers_of_numbers_work(scoring: str, regressor: MLPRegressor) -> None:
    """A scorer and the metric on the predictions are one."""
    regressor.fit(TABLE, VALUES)
    scorer = get_scorer(scoring)
    expected = scorer._sign * scorer._score_func(VALUES, regressor.predict(TABLE))
    assert scorer(regressor, TABLE, VALUES) == pytest.approx(expected)


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", "f1_micro"])
def test_scorers_of_indicators_work(scoring: str, classifier: MLPClassifier) -> None:
    """Several labels a row are scored, in a search and while training, as by hand."""
    rows, indicator = make_multilabel_classification(
        100, 6, n_classes=3, random_state=0
    )
    scores = cross_val_score(
        classifier, rows, indicator, cv=2, scoring=scoring, error_score="raise"
    )
    scorer = get_scorer(scoring)
    model = classifier.fit(rows[:50], indicator[:50])
    method = model.predict if scoring == "f1_micro" else model.predict_proba
    expected = scorer._score_func(indicator[50:], method(rows[50:]), **scorer._kwargs)
    assert scores[1] == pytest.approx(expected)
    model.set_params(early_stopping=True, scoring=scoring, validation_fraction=0.5)
    assert model.fit(rows, indicator).validation_scores_[0] > 0


def test_cross_validated_probabilities_keep_their_columns(
    classifier: MLPClassifier,
) -> None:
    """Out-of-fold probabilities are those of the three fits by hand."""
    for method, width in (("predict_proba", 3), ("predict_log_proba", 3)):
        proba = cross_val_predict(classifier, X, NAMES, cv=3, method=method)
        assert proba.shape == (150, width)
    labels = cross_val_predict(classifier, X, NAMES, cv=3)
    assert accuracy_score(NAMES, labels) > 0.9
    several = cross_val_predict(classifier, X, np.eye(3, dtype=int)[SPECIES], cv=3)
    assert several.shape == (150, 3)


def test_grid_search_is_the_same_in_one_and_in_two_processes(
    classifier: MLPClassifier,
) -> None:
    """Scores to the last bit, and a refitted model with the best parameters."""
    grid = {"hidden_layer_sizes": [(4,), (4, 4)], "l2": [0.0, 1e-3]}
    searches = [
        GridSearchCV(classifier, grid, cv=2, n_jobs=n_jobs).fit(X, NAMES)
        for n_jobs in (None, 2)
    ]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_array_equal(scores[0], scores[1])
    best = searches[1].best_estimator_
    assert best.get_params().items() >= searches[1].best_params_.items()
    again = clone(best).fit(X, NAMES)
    np.testing.assert_array_equal(again.predict_proba(X), best.predict_proba(X))
    np.testing.assert_array_equal(searches[1].classes_, best.classes_)


def test_grid_search_in_threads_is_the_same(classifier: MLPClassifier) -> None:
    """Networks that train side by side do not disturb one another."""
    grid = {"dropout": [0.0, 0.2], "batch_size": [32, 64]}
    classifier.set_params(max_epochs=15)
    alone = GridSearchCV(classifier, grid, cv=2).fit(X, NAMES)
    with joblib.parallel_config(backend="threading", n_jobs=4):
        threads = GridSearchCV(classifier, grid, cv=2).fit(X, NAMES)
    np.testing.assert_array_equal(
        alone.cv_results_["mean_test_score"], threads.cv_results_["mean_test_score"]
    )
    np.testing.assert_array_equal(
        alone.best_estimator_.coefs_[0], threads.best_estimator_.coefs_[0]
    )


def test_randomized_search_samples_depth_and_width(classifier: MLPClassifier) -> None:
    """Two numbers and a distribution through a Pipeline."""
    search = RandomizedSearchCV(
        make_pipeline(StandardScaler(), classifier),
        {
            "mlpclassifier__hidden_layer_sizes": [4, 8],
            "mlpclassifier__n_hidden_layers": [1, 2],
            "mlpclassifier__learning_rate": loguniform(1e-2, 1e-1),
            "mlpclassifier__activation": ["relu", "tanh"],
        },
        n_iter=4,
        cv=2,
        random_state=0,
    ).fit(X, NAMES)
    layers = search.best_estimator_[-1].n_layers_ - 2
    assert layers == search.best_params_["mlpclassifier__n_hidden_layers"]
    assert search.best_score_ > 0.8


def test_halving_search_spends_epochs(classifier: MLPClassifier) -> None:
    """The number of epochs is a resource that a search can ration."""
    search = HalvingGridSearchCV(
        classifier.set_params(tol=None),
        {"learning_rate": [1e-4, 1e-3, 1e-2, 1e-1]},
        resource="max_epochs",
        min_resources=5,
        max_resources=20,
        factor=2,
        cv=2,
        random_state=0,
    ).fit(X, NAMES)
    assert search.n_resources_ == [5, 10, 20]
    assert search.best_estimator_.n_iter_ == 20
    assert search.best_params_["learning_rate"] >= 1e-2


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_failing_candidates_get_the_error_score(classifier: MLPClassifier) -> None:
    """A network that diverges, or a parameter that is none, loses, not the search."""
    grid = [{"learning_rate": [0.05]}, {"optimizer": ["sgd"], "learning_rate": [1e30]}]
    search = GridSearchCV(classifier, [*grid, {"dropout": [1.5]}], cv=2)
    with pytest.warns(FitFailedWarning, match="DivergenceError"):
        search.fit(X, NAMES)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [
        False,
        True,
        True,
    ]
    with pytest.raises(ValueError, match=r"The 'dropout' parameter of .*Got 1\.5"):
        cross_val_score(
            classifier.set_params(dropout=1.5), X, NAMES, error_score="raise"
        )


def test_curves_follow_rows_and_parameters(classifier: MLPClassifier) -> None:
    """Learning and validation curves, in one go and row by row."""
    sizes, train, test = learning_curve(
        classifier, X, NAMES, cv=3, train_sizes=[0.3, 1.0], shuffle=True, random_state=0
    )
    assert sizes.tolist() == [30, 100]
    assert test[-1].min() > 0.85
    pieces = learning_curve(
        classifier,
        X,
        NAMES,
        cv=2,
        train_sizes=[0.5, 1.0],
        exploit_incremental_learning=True,
        shuffle=True,
        random_state=0,
    )
    assert pieces[2].shape == (2, 2)
    train, test = validation_curve(
        classifier, X, NAMES, param_name="max_epochs", param_range=[1, 60], cv=3
    )
    assert test[1].mean() > test[0].mean()
    assert train.shape == (2, 3)


def test_curve_displays_draw() -> None:
    """The displays of scikit-learn take the estimator as any other."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot as plt
    from sklearn.inspection import DecisionBoundaryDisplay
    from sklearn.model_selection import LearningCurveDisplay, ValidationCurveDisplay

    model = MLPClassifier(hidden_layer_sizes=(4,), max_epochs=3, random_state=0)
    try:
        LearningCurveDisplay.from_estimator(
            model, X, NAMES, cv=2, train_sizes=[0.5, 1.0], shuffle=True, random_state=0
        )
        shown = ValidationCurveDisplay.from_estimator(
            model, X, NAMES, param_name="l2", param_range=[1e-4, 1e-2], cv=2
        )
        assert shown.ax_.get_xlabel() == "l2"
        boundary = DecisionBoundaryDisplay.from_estimator(
            clone(model).fit(X[:, :2], NAMES), X[:, :2], grid_resolution=5
        )
        assert boundary.response.shape[:2] == (5, 5)
    finally:
        plt.close("all")


def test_metric_displays_draw() -> None:
    """Curves of two classes come from the probability of the positive one."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot as plt
    from sklearn.calibration import CalibrationDisplay
    from sklearn.metrics import (
        ConfusionMatrixDisplay,
        DetCurveDisplay,
        PrecisionRecallDisplay,
        PredictionErrorDisplay,
        RocCurveDisplay,
        roc_auc_score,
    )

    flower = SPECIES == 2
    model = MLPClassifier(hidden_layer_sizes=(4,), max_epochs=3, random_state=0)
    model.fit(X, flower)
    try:
        roc = RocCurveDisplay.from_estimator(model, X, flower)
        area = roc_auc_score(flower, model.predict_proba(X)[:, 1])
        assert roc.roc_auc == pytest.approx(area)
        for display in (
            CalibrationDisplay,
            ConfusionMatrixDisplay,
            DetCurveDisplay,
            PrecisionRecallDisplay,
        ):
            display.from_estimator(model, X, flower)
        numbers = MLPRegressor(max_epochs=2, random_state=0).fit(TABLE, VALUES)
        shown = PredictionErrorDisplay.from_estimator(
            numbers, TABLE, VALUES, subsample=None
        )
        np.testing.assert_array_equal(shown.y_pred, numbers.predict(TABLE))
    finally:
        plt.close("all")


def test_importance_finds_the_informative_columns(regressor: MLPRegressor) -> None:
    """Shuffling a column that the target does not know costs next to nothing."""
    _, _, coef = make_regression(
        120, 4, n_informative=2, noise=5.0, random_state=0, coef=True
    )
    regressor.fit(TABLE, VALUES)
    result = permutation_importance(
        regressor, TABLE, VALUES, n_repeats=3, random_state=0
    )
    informative = set(np.flatnonzero(coef))
    assert set(np.argsort(result.importances_mean)[-2:]) == informative
    grid = partial_dependence(regressor, TABLE, [int(np.argmax(coef))])["average"]
    assert (np.diff(grid[0]) > 0).all()


def test_forward_selection_finds_the_informative_columns(
    regressor: MLPRegressor,
) -> None:
    """A selector that refits for every column keeps those that matter."""
    _, _, coef = make_regression(
        120, 4, n_informative=2, noise=5.0, random_state=0, coef=True
    )
    selector = SequentialFeatureSelector(regressor, n_features_to_select=2, cv=2)
    selector.fit(TABLE, VALUES)
    np.testing.assert_array_equal(selector.get_support(), coef != 0)


def test_elimination_takes_importances_from_the_first_layer(
    regressor: MLPRegressor,
) -> None:
    """There is no coef_, but a function of coefs_ does."""
    _, _, coef = make_regression(
        120, 4, n_informative=2, noise=5.0, random_state=0, coef=True
    )
    with pytest.raises(ValueError, match="importance_getter"):
        RFE(regressor).fit(TABLE, VALUES)
    selector = RFE(
        regressor,
        n_features_to_select=2,
        importance_getter=lambda model: np.abs(model.coefs_[0]).sum(axis=1),
    )
    np.testing.assert_array_equal(selector.fit(TABLE, VALUES).get_support(), coef != 0)


def test_threshold_of_two_classes_is_tuned(classifier: MLPClassifier) -> None:
    """Probabilities of the positive label are what the threshold is set on."""
    labels = np.where(SPECIES == 2, "rare", "usual")
    tuned = TunedThresholdClassifierCV(
        classifier, scoring="balanced_accuracy", cv=3, random_state=0
    ).fit(X, labels)
    assert 0 < tuned.best_threshold_ < 1
    assert tuned.score(X, labels) > 0.9
    fixed = FixedThresholdClassifier(classifier, threshold=1.1, pos_label="rare")
    assert set(fixed.fit(X, labels).predict(X)) == {"usual"}


def test_score_beats_shuffled_labels(classifier: MLPClassifier) -> None:
    """A permutation test runs, and finds that there is something to learn."""
    score, shuffled, _ = permutation_test_score(
        classifier, X, NAMES, cv=2, n_permutations=3, random_state=0
    )
    assert score > shuffled.max() + 0.2


def test_searching_is_silent(
    classifier: MLPClassifier, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is printed and nothing warned of by default."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GridSearchCV(classifier, {"l2": [0.0, 1e-3]}, cv=2).fit(X, NAMES)
    assert capfd.readouterr() == ("", "")
