"""Inside pipelines, ensembles and other meta-estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_iris, make_multilabel_classification, make_regression
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.multiclass import (
    OneVsOneClassifier,
    OneVsRestClassifier,
    OutputCodeClassifier,
)
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from skdeep import MLPClassifier, MLPRegressor

X, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
TABLE, VALUES = make_regression(120, 4, noise=5.0, random_state=0)
PAIR = np.column_stack([VALUES, VALUES[::-1]])
SETTINGS: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "max_epochs": 80,
    "learning_rate": 0.03,
    "random_state": 0,
}
CLASSIFIER = MLPClassifier(**SETTINGS)
REGRESSOR = MLPRegressor(**SETTINGS)

CLASSIFIERS: dict[str, Any] = {
    "pipeline": make_pipeline(StandardScaler(), CLASSIFIER),
    "selection": make_pipeline(SelectKBest(k=2), CLASSIFIER),
    "union": make_pipeline(
        FeatureUnion([("same", FunctionTransformer()), ("scaled", StandardScaler())]),
        CLASSIFIER,
    ),
    "bagging": BaggingClassifier(CLASSIFIER, n_estimators=3, random_state=0),
    "subspaces": BaggingClassifier(
        CLASSIFIER, n_estimators=3, max_features=0.75, bootstrap=False, random_state=0
    ),
    "boosting": AdaBoostClassifier(CLASSIFIER, n_estimators=3, random_state=0),
    "calibration": CalibratedClassifierCV(CLASSIFIER, cv=3),
    "isotonic": CalibratedClassifierCV(CLASSIFIER, cv=3, method="isotonic"),
    "voting": VotingClassifier(
        [("net", CLASSIFIER), ("line", LogisticRegression(max_iter=1000))],
        voting="soft",
    ),
    "majority": VotingClassifier(
        [("net", CLASSIFIER), ("line", LogisticRegression(max_iter=1000))]
    ),
    "stacking": StackingClassifier(
        [("net", CLASSIFIER)], LogisticRegression(max_iter=1000), cv=3
    ),
    "stacked on": StackingClassifier(
        [("line", LogisticRegression(max_iter=1000))],
        CLASSIFIER,
        cv=3,
        passthrough=True,
    ),
    "one-versus-rest": OneVsRestClassifier(CLASSIFIER),
    "output code": OutputCodeClassifier(CLASSIFIER, code_size=3.0, random_state=0),
}
REGRESSORS: dict[str, Any] = {
    "pipeline": make_pipeline(StandardScaler(), REGRESSOR),
    "bagging": BaggingRegressor(REGRESSOR, n_estimators=3, random_state=0),
    "boosting": AdaBoostRegressor(REGRESSOR, n_estimators=3, random_state=0),
    "voting": VotingRegressor([("net", REGRESSOR), ("line", Ridge())]),
    "stacking": StackingRegressor([("net", REGRESSOR)], Ridge(), cv=3),
    "stacked on": StackingRegressor([("line", Ridge())], REGRESSOR, cv=3),
    "transformed target": TransformedTargetRegressor(
        REGRESSOR, func=np.negative, inverse_func=np.negative
    ),
    "scaled target": TransformedTargetRegressor(
        REGRESSOR, transformer=StandardScaler()
    ),
}


@pytest.mark.parametrize("ensemble", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_classifier_learns_inside_a_meta_estimator(ensemble: Any) -> None:
    """Whatever wraps it, string labels come back and most of them are right."""
    model = clone(ensemble).fit(X, NAMES)
    assert is_classifier(model)
    assert set(model.predict(X)) == set(NAMES)
    assert model.score(X, NAMES) > 0.9
    if hasattr(model, "predict_proba"):
        proba = model.predict_proba(X)
        assert proba.shape == (150, 3)
        np.testing.assert_allclose(proba.sum(axis=1), 1.0)


@pytest.mark.parametrize("ensemble", REGRESSORS.values(), ids=REGRESSORS)
def test_regressor_learns_inside_a_meta_estimator(ensemble: Any) -> None:
    """Whatever wraps it, predictions are in the units of the target."""
    model = clone(ensemble).fit(TABLE, VALUES)
    assert is_regressor(model)
    assert model.predict(TABLE).shape == VALUES.shape
    assert model.score(TABLE, VALUES) > 0.8


def test_networks_of_an_ensemble_differ_and_the_ensemble_repeats() -> None:
    """Each member is seeded by the ensemble, which repeats to the last bit."""
    bagging = CLASSIFIERS["bagging"]
    first, again = clone(bagging).fit(X, NAMES), clone(bagging).fit(X, NAMES)
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    seeds = {member.random_state for member in first.estimators_}
    assert len(seeds) == 3
    coefs = [member.coefs_[0] for member in first.estimators_]
    assert not np.array_equal(coefs[0], coefs[1])


def test_boosting_weighs_the_rows_for_the_network() -> None:
    """AdaBoost's second network is the one of the weights that its paper computes."""
    sepals = X[:, :2]
    boosting = AdaBoostClassifier(CLASSIFIER, n_estimators=2, random_state=0)
    first, second = boosting.fit(sepals, NAMES).estimators_
    wrong = first.predict(sepals) != NAMES
    error = wrong.mean()
    assert 0 < error < 2 / 3
    weight = np.where(wrong, 2 * (1 - error) / error, 1.0)
    expected = clone(second).fit(sepals, NAMES, sample_weight=weight)
    for ours, theirs in zip(second.coefs_, expected.coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8)


def test_one_versus_one_takes_the_network_for_a_decision() -> None:
    """Pairs of classes are told apart, though there is no decision function."""
    model = OneVsOneClassifier(CLASSIFIER).fit(X, NAMES)
    assert len(model.estimators_) == 3
    assert model.score(X, NAMES) > 0.9


def test_several_targets_by_wrappers_and_by_the_network_itself() -> None:
    """Wrappers fit a network a column; the regressor needs only one for all."""
    wrapped = MultiOutputRegressor(REGRESSOR).fit(TABLE, PAIR)
    chained = RegressorChain(REGRESSOR, random_state=0).fit(TABLE, PAIR)
    itself = clone(REGRESSOR).fit(TABLE, PAIR)
    for model in (wrapped, chained, itself):
        assert model.predict(TABLE).shape == PAIR.shape
    alone = clone(REGRESSOR).fit(TABLE, VALUES)
    np.testing.assert_array_equal(
        wrapped.estimators_[0].predict(TABLE), alone.predict(TABLE)
    )


def test_several_labels_by_wrappers_and_by_the_network_itself() -> None:
    """Several classes a row need a wrapper, an indicator does not."""
    table, labels = make_multilabel_classification(100, 6, n_classes=3, random_state=0)
    wrapped = MultiOutputClassifier(CLASSIFIER).fit(table, labels)
    chained = ClassifierChain(CLASSIFIER, random_state=0).fit(table, labels)
    rest = OneVsRestClassifier(CLASSIFIER).fit(table, labels)
    itself = clone(CLASSIFIER).fit(table, labels)
    for model in (wrapped, chained, rest, itself):
        assert model.predict(table).shape == labels.shape
        assert np.mean(model.predict(table) == labels) > 0.8
    classes = np.column_stack([SPECIES, NAMES == "setosa"])
    several = MultiOutputClassifier(CLASSIFIER).fit(X, classes)
    assert [proba.shape for proba in several.predict_proba(X)] == [(150, 3), (150, 2)]


def test_wrappers_pass_partial_fit_on() -> None:
    """Where a wrapper learns in pieces, so does the network in it."""
    several = MultiOutputClassifier(CLASSIFIER)
    classes = [np.arange(3), np.arange(2)]
    targets = np.column_stack([SPECIES, SPECIES == 1])
    for rows in (slice(0, None, 2), slice(1, None, 2)):
        several.partial_fit(X[rows], targets[rows], classes=classes)
    assert [member.n_iter_ for member in several.estimators_] == [2, 2]
    rest = OneVsRestClassifier(CLASSIFIER)
    rest.partial_fit(X, SPECIES, classes=np.arange(3)).partial_fit(X, SPECIES)
    assert rest.predict(X).shape == (150,)
    assert not hasattr(
        MultiOutputRegressor(MLPRegressor(optimizer="lbfgs")), "partial_fit"
    )
    assert hasattr(MultiOutputRegressor(MLPRegressor()), "partial_fit")


def test_transformed_target_may_have_two_columns() -> None:
    """A transformer makes a column of y, and the prediction has the axes of y."""
    model = REGRESSORS["scaled target"]
    assert clone(model).fit(TABLE, VALUES).predict(TABLE).shape == (120,)
    assert clone(model).fit(TABLE, PAIR).predict(TABLE).shape == (120, 2)


def test_frozen_network_is_not_fitted_again() -> None:
    """Calibration and stacking can build on a network that is there."""
    network = clone(CLASSIFIER).fit(X, NAMES)
    frozen = FrozenEstimator(network)
    assert clone(frozen).fit(-X, NAMES[::-1]).estimator is network
    np.testing.assert_array_equal(frozen.predict_proba(X), network.predict_proba(X))
    calibrated = CalibratedClassifierCV(frozen).fit(X, NAMES)
    assert calibrated.score(X, NAMES) > 0.9
    stacked = StackingClassifier([("net", network)], cv="prefit").fit(X, NAMES)
    assert stacked.score(X, NAMES) > 0.9


def test_unlabelled_rows_are_labelled_by_the_network() -> None:
    """Self-training needs probabilities, and its label for "none" never reaches fit."""
    some = SPECIES.copy()
    some[::3] = -1
    model = SelfTrainingClassifier(CLASSIFIER, threshold=0.8).fit(X, some)
    assert model.classes_.tolist() == [0, 1, 2]
    assert (model.transduction_ != -1).sum() > (some != -1).sum()
    assert model.score(X, SPECIES) > 0.9


def test_mixed_frame_through_a_column_transformer() -> None:
    """Numbers with gaps and words become a table, dense or sparse."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(TABLE.copy(), columns=list("abcd"))
    frame.loc[::10, "a"] = np.nan
    frame["word"] = np.array(["x", "y", "z"])[np.arange(120) % 3]
    target = VALUES + 100.0 * (frame["word"] == "x")
    scores = []
    for sparse in (False, True):
        prepare = ColumnTransformer(
            [
                ("numbers", SimpleImputer(), list("abcd")),
                ("words", OneHotEncoder(sparse_output=sparse), ["word"]),
            ],
            sparse_threshold=float(sparse),
        )
        model = Pipeline([("prepare", prepare), ("net", clone(REGRESSOR))]).fit(
            frame, target
        )
        scores.append(model.score(frame, target))
    assert scores[0] > 0.9
    assert scores[1] == pytest.approx(scores[0], abs=1e-6)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_pipeline_that_puts_out_frames_names_the_features(library: str) -> None:
    """With set_output the network sees the names of its inputs."""
    frames = pytest.importorskip(library)
    frame = frames.DataFrame(dict(zip("abcd", X.T, strict=True)))
    steps = make_pipeline(StandardScaler(), clone(CLASSIFIER)).set_output(
        transform=library
    )
    steps.fit(frame, NAMES)
    assert steps[-1].feature_names_in_.tolist() == list("abcd")
    plain = make_pipeline(StandardScaler(), clone(CLASSIFIER)).fit(X, NAMES)
    np.testing.assert_allclose(
        steps.predict_proba(frame), plain.predict_proba(X), rtol=1e-4, atol=1e-6
    )


def test_pipeline_cuts_and_caches(tmp_path: Any) -> None:
    """Slices, passthrough and a memory are the Pipeline's, the network follows."""
    steps = make_pipeline(StandardScaler(), clone(CLASSIFIER), memory=str(tmp_path))
    steps.fit(X, NAMES).fit(X, NAMES)
    np.testing.assert_array_equal(
        steps[-1].predict(steps[:-1].transform(X)), steps.predict(X)
    )
    bare = clone(steps).set_params(standardscaler="passthrough").fit(X, NAMES)
    np.testing.assert_array_equal(
        bare.predict_proba(X), clone(CLASSIFIER).fit(X, NAMES).predict_proba(X)
    )


def test_weighted_score_is_that_of_the_metric() -> None:
    """Score takes weights as scikit-learn's does."""
    weight = 1.0 + np.arange(120) % 3
    model = clone(REGRESSOR).fit(TABLE, VALUES, sample_weight=weight)
    assert model.score(TABLE, VALUES, sample_weight=weight) == pytest.approx(
        r2_score(VALUES, model.predict(TABLE), sample_weight=weight)
    )
