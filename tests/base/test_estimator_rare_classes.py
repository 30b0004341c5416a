"""Tests of hold-outs that would lack a class, and of folds that do."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from skorch.callbacks import Callback
from torchvision.models import ShuffleNetV2

from skdeep import (
    CNNClassifier,
    ImageClassifier,
    MLPClassifier,
    MLPRegressor,
    OptunaSearchCV,
    TabularMLPClassifier,
    TabularMLPRegressor,
    TextClassifier,
    VectorizedSearchCV,
)

RNG = np.random.default_rng(0)
N = 120
ROWS = RNG.normal(size=(N, 3))
PIXELS = RNG.integers(0, 255, (N, 8, 8, 3), dtype=np.uint8)
TEXTS = [f"word{i % 7} word{i % 5} end" for i in range(N)]
TINY = partial(ShuffleNetV2, [1, 1, 1], [8, 8, 16, 32, 32])
IMAGE = partial(ImageClassifier, TINY, weights=None, image_size=32)
QUICK: dict[str, Any] = {"max_epochs": 2, "random_state": 0}

CLASSIFIERS = {
    "MLP": (partial(MLPClassifier, (4,), **QUICK), ROWS),
    "MLP sparse": (partial(MLPClassifier, (4,), **QUICK), sp.csr_array(ROWS)),
    "MLP lbfgs": (partial(MLPClassifier, (4,), optimizer="lbfgs", **QUICK), ROWS),
    "tabular": (partial(TabularMLPClassifier, (4,), **QUICK), ROWS),
    "tabular refit": (
        partial(
            TabularMLPClassifier,
            (4,),
            refit=True,
            calibration="temperature",
            n_ensemble=2,
            **QUICK,
        ),
        ROWS,
    ),
    "text": (partial(TextClassifier, embedding_dim=4, **QUICK), TEXTS),
    "text in order": (
        partial(TextClassifier, conv_channels=2, embedding_dim=4, **QUICK),
        TEXTS,
    ),
    "CNN": (partial(CNNClassifier, conv_channels=2, **QUICK), PIXELS),
    "image head": (
        partial(IMAGE, trainable_layers=0, head_epochs=2, random_state=0),
        PIXELS,
    ),
    "image": (partial(IMAGE, trainable_layers="all", **QUICK), PIXELS),
}
FAMILIES = pytest.mark.parametrize("family", CLASSIFIERS)


class Batches(Callback):
    """Gather the targets of each part in the last epoch."""

    seen: dict[bool, list[np.ndarray]] = {}  # noqa: RUF012 - copies are to share it

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Begin anew."""
        self.seen.clear()

    def on_batch_end(self, net: Any, batch: Any = None, training: bool = False, **_):
        """Keep the targets."""
        self.seen.setdefault(training, []).append(batch[1].numpy())


def make(family: str, **parameters: Any) -> tuple[Any, Any]:
    """Return an estimator that stops early, and its rows."""
    kind, X = CLASSIFIERS[family]
    return kind(early_stopping=True, **parameters), X


def labels(*counts: int) -> np.ndarray:
    """Return labels as strings, so many of each."""
    codes = np.repeat(range(len(counts)), counts)
    return np.array(list("abcdefgh"))[np.random.default_rng(1).permutation(codes)]


def parts(model: Any, X: Any, y: Any, **fit: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the targets that were trained on, and those that were watched."""
    model.set_params(callbacks=[Batches()]).fit(X, y, **fit)
    seen = Batches.seen
    return np.concatenate(seen[True]), np.concatenate(seen[False])


@FAMILIES
@pytest.mark.parametrize("counts", [(70, 46, 4), (80, 38, 2), (40, 40, 28, 10, 1, 1)])
def test_each_class_of_two_rows_is_in_both_parts(
    family: str, counts: tuple[int, ...]
) -> None:
    """The held-out rows are drawn so in all estimators; a row alone is trained on."""
    model, X = make(family)
    watched: set[Any] = set()

    def scorer(model: Any, X: Any, y: Any) -> float:
        watched.update(y.tolist())
        return 0.5

    model.set_params(scoring=scorer).fit(X, labels(*counts))
    expected = [label for label, n in zip("abcdef", counts, strict=False) if n > 1]
    assert watched == set(expected)
    assert model.classes_.tolist() == list("abcdef")[: len(counts)]


@pytest.mark.parametrize("family", ["MLP", "MLP sparse", "tabular", "text", "CNN"])
def test_rare_class_is_watched_on_the_rows_that_train_it(family: str) -> None:
    """Training spares none of its rows, and the monitor sees all of them."""
    model, X = make(family)
    trained, watched = parts(model, X, labels(70, 46, 4))
    trained, watched = (
        np.bincount(trained.astype(int)),
        np.bincount(watched.astype(int)),
    )
    assert (trained + watched).tolist() == [70, 46, 4 + 4]
    assert watched[2] == 4
    assert 11 <= watched[:2].sum() <= 12


def test_rare_class_weighs_what_it_does_in_the_data() -> None:
    """The validation loss is that of its share of the rows."""
    y = labels(116, 4)
    model = MLPClassifier((4,), early_stopping=True, **QUICK)
    seen: list[Any] = []

    def weighted(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        seen.append((y_true, sample_weight))
        return 0.0

    model.set_params(scoring=make_scorer(weighted)).fit(ROWS, y)
    watched, weight = seen[0]
    total = {label: weight[watched == label].sum() for label in "ab"}
    assert total["b"] / total["a"] == pytest.approx(4 / 116)


@FAMILIES
def test_probability_metrics_know_the_classes_of_fit(family: str) -> None:
    """A class of one row is missing from the watched rows, and harms no metric."""
    y = labels(70, 49, 1)
    for scoring in ("neg_log_loss", "top_k_accuracy"):
        model, X = make(family, scoring=scoring)
        scores = model.fit(X, y).validation_scores_
        # Nothing is watched when all rows are trained on at last.
        assert np.isfinite(scores[:2]).all()


@pytest.mark.parametrize("n_rare", [1, 2, 5])
def test_rare_label_of_an_indicator_is_in_both_parts(n_rare: int) -> None:
    """Labels, and their absence, are held out as far as there are two rows."""
    Y = (RNG.random((N, 3)) < 0.5).astype(int)
    Y[:, 1] = 0
    Y[5 : 5 + n_rare, 1] = 1
    Y[:, 2] = 1
    Y[40 : 40 + n_rare, 2] = 0
    for family in ("MLP", "text", "CNN"):
        model, X = make(family)
        trained, watched = parts(model, X, Y)
        assert trained[:, 1].any()
        assert not trained[:, 2].all()
        assert watched[:, 1].any() == (n_rare > 1)
        assert watched[:, 2].all() == (n_rare == 1)


@pytest.mark.parametrize("kind", [MLPRegressor, TabularMLPRegressor])
def test_rare_value_of_a_target_is_in_both_parts(kind: Any) -> None:
    """Of a target that is nearly always zero, not only zeros are watched."""
    y = np.zeros(N)
    y[[7, 50, 90]] = [3.0, 1.0, 2.0]
    model = kind((4,), early_stopping=True, target_scaling=None, **QUICK)
    trained, watched = parts(model, ROWS, y)
    assert np.count_nonzero(trained) == np.count_nonzero(watched) == 3
    assert len(watched) == 12 + 3


def test_class_whose_rows_weigh_nothing_is_not_looked_for() -> None:
    """Neither a sample weight nor a class weight of zero lets rows back in."""
    y = labels(70, 46, 4)
    for how in ({"class_weight": {"c": 0.0}}, {"sample_weight": (y != "c") * 1.0}):
        fit = {k: v for k, v in how.items() if k == "sample_weight"}
        model = MLPClassifier((4,), early_stopping=True, scoring="neg_log_loss")
        model.set_params(**QUICK, class_weight=how.get("class_weight"))
        trained, watched = parts(model, ROWS, y, **fit)
        assert 2 not in trained
        assert 2 not in watched
        assert model.classes_.tolist() == ["a", "b", "c"]


def rare(seed: int, n_rare: int = 5) -> tuple[np.ndarray, ...]:
    """Return rows of which few are positive, but not hard to tell, and new ones."""
    rng = np.random.default_rng(seed)
    X, T = rng.normal(size=(1000, 10)), rng.normal(size=(2000, 10))
    X[:n_rare, :2] += 3
    T[:200, :2] += 3
    return X, (np.arange(1000) < n_rare) * 1, T, (np.arange(2000) < 200) * 1


def test_five_positives_in_a_thousand_are_learnt() -> None:
    """The loss on rows without a positive would choose the first epoch."""
    X, y, X_new, y_new = rare(0)
    model = TabularMLPClassifier((32,), numeric_embedding=None, random_state=0)
    model.set_params(n_ensemble=1, max_epochs=60).fit(X, y)
    assert model.best_epoch_ > 10
    assert roc_auc_score(y_new, model.predict_proba(X_new)[:, 1]) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_default_learns_five_positives_in_a_thousand(seed: int) -> None:
    """As without early stopping, in any draw."""
    X, y, X_new, y_new = rare(seed)
    model = TabularMLPClassifier(random_state=0).fit(X, y)
    assert roc_auc_score(y_new, model.predict_proba(X_new)[:, 1]) > 0.9


def test_stacked_fits_hold_out_the_same_rows() -> None:
    """A fit in a stack has the history of the same fit alone."""
    y = labels(116, 4)
    model = MLPClassifier((4,), early_stopping=True, max_epochs=5, random_state=0)
    search = VectorizedSearchCV(model, {"learning_rate": [0.01, 0.1]}, cv=2)
    search.fit(ROWS, y)
    alone = GridSearchCV(model, {"learning_rate": [0.01, 0.1]}, cv=2).fit(ROWS, y)
    for name in ("train_loss", "valid_loss"):
        np.testing.assert_allclose(
            search.best_estimator_.history_[name],
            alone.best_estimator_.history_[name],
            rtol=1e-6,
        )
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize("pruning", ["lockstep", "off"])
def test_search_with_pruning_takes_rare_classes(pruning: str) -> None:
    """Each fold holds out rows of its own."""
    model = TabularMLPClassifier((4,), scoring="neg_log_loss", **QUICK)
    space = {"learning_rate": [0.01, 0.1]}
    search = OptunaSearchCV(
        model, space, n_trials=2, cv=2, pruning=pruning, random_state=0
    )
    search.fit(np.tile(ROWS, (2, 1)), np.tile(labels(70, 46, 4), 2))
    assert np.isfinite(search.best_score_)


@FAMILIES
def test_class_weight_may_name_a_class_that_a_fold_lacks(family: str) -> None:
    """As in scikit-learn, where all classes that are there are named."""
    kind, X = CLASSIFIERS[family]
    weight = {"a": 1.0, "b": 2.0, "c": 3.0}
    model = kind(class_weight=weight).fit(X, labels(70, 50))
    assert model.classes_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match=r"Got 'c', but y has .* of which 'b' is not"):
        kind(class_weight={"a": 1.0, "c": 3.0}).fit(X, labels(70, 50))


@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 1, "b": 2, "c": 3}])
@pytest.mark.filterwarnings("ignore:Number of classes in training fold")
@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_folds_that_lack_a_class_are_fitted(class_weight: Any) -> None:
    """What scikit-learn's own classifiers take in cross-validation, ours take too."""
    y = np.repeat(["a", "b", "c"], 40)
    model = MLPClassifier((4,), class_weight=class_weight, **QUICK)
    folds = KFold(3)
    scores = cross_val_score(model, ROWS, y, cv=folds, error_score="raise")
    assert scores.tolist() == [0.0, 0.0, 0.0]
    model.set_params(early_stopping=True)
    scores = cross_val_score(model, ROWS, y, cv=folds, error_score="raise")
    assert scores.tolist() == [0.0, 0.0, 0.0]
    if not isinstance(class_weight, dict):
        # It hands on numbers for the labels, which no dict knows.
        proba = cross_val_predict(model, ROWS, y, cv=folds, method="predict_proba")
        assert proba.shape == (N, 3)
        assert (proba[:40, 0] == 0).all()
    search = GridSearchCV(model, {"l2": [0.0]}, cv=folds, error_score="raise")
    assert search.fit(ROWS, y).best_score_ == 0.0


def test_label_that_a_fold_lacks_is_never_predicted_for_sure() -> None:
    """A column that is constant in a fold is learnt like any other."""
    Y = np.zeros((N, 2), dtype=int)
    Y[::2, 0] = 1
    Y[:40, 1] = 1
    model = MLPClassifier((4,), early_stopping=True, **QUICK)
    scores = cross_val_score(model, ROWS, Y, cv=KFold(3), error_score="raise")
    assert np.isfinite(scores).all()
    proba = cross_val_predict(model, ROWS, Y, cv=KFold(3), method="predict_proba")
    assert proba.shape == (N, 2)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: CalibratedClassifierCV(model, cv=2),
        lambda model: VotingClassifier(
            [("ours", model), ("theirs", LogisticRegression())], voting="soft"
        ),
        OneVsRestClassifier,
    ],
    ids=["calibrated", "voting", "one against the rest"],
)
def test_rare_classes_inside_of_scikit_learns(wrap: Any) -> None:
    """Meta-estimators hand on labels and indicators of few positives."""
    y = labels(70, 46, 4)
    model = wrap(MLPClassifier((4,), early_stopping=True, **QUICK)).fit(ROWS, y)
    assert model.predict_proba(ROWS).shape == (N, 3)


@FAMILIES
def test_validation_rows_that_are_given_may_lack_a_class(family: str) -> None:
    """Unseen labels may not be among them."""
    model, X = make(family, scoring="neg_log_loss")
    y = labels(50, 40, 30)
    here = np.flatnonzero(y != "c")[:20]
    part = [X[i] for i in here] if isinstance(X, list) else X[here]
    model.fit(X, y, X_val=part, y_val=y[here])
    assert np.isfinite(model.validation_scores_).all()
    strange = np.where(y[here] == "a", "z", "a")
    with pytest.raises(ValueError, match="Got y_val with the unseen class 'z'"):
        model.fit(X, y, X_val=part, y_val=strange)


@pytest.mark.parametrize("kind", [MLPClassifier, TabularMLPClassifier])
def test_warm_start_holds_out_rare_classes(kind: Any) -> None:
    """The second fit, and a call of partial_fit after it, are as the first."""
    y = labels(116, 4)
    model = kind((4,), early_stopping=True, warm_start=True, **QUICK).fit(ROWS, y)
    once = model.history_["valid_loss"].copy()
    model.fit(ROWS, y)
    assert np.isfinite(model.history_["valid_loss"]).all()
    assert len(model.history_["valid_loss"]) == len(once) + 2
    model.set_params(early_stopping="auto").partial_fit(ROWS[:3], y[:3])
    assert model.n_iter_ == 3
