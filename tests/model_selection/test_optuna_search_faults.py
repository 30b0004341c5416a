"""What cannot be searched is said in one sentence, before anything is run."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import MLPClassifier, OptunaSearchCV
from skdeep.exceptions import StudyError

PIPELINE = make_pipeline(StandardScaler(), MLPClassifier(max_epochs=2))

SPACES: dict[str, tuple[Any, str]] = {
    "unknown name": (
        {"learning_rat": [0.1]},
        r"names 'learning_rat', which is no parameter of MLP.*mean 'learning_rate'",
    ),
    "nothing like it": ({"zzz": [1]}, r"names 'zzz'.*See its get_params\(\)"),
    "empty": ({}, r"has no parameter to search\. Got an empty dict"),
    "empty list": ({"l2": []}, r"has no value for 'l2': the list is empty"),
    "name that is no string": ({1: [0.1]}, r"by strings\. Got 1 of type int"),
    "no list": ({"l2": 0.1}, r"takes, for 'l2', a distribution.*Got 0\.1.*list of one"),
    "floats for an int": (
        {"max_epochs": FloatDistribution(5, 50)},
        r"values for 'max_epochs' that are sure to fail: .* an int.*IntDistribution",
    ),
    "out of range": (
        {"dropout": FloatDistribution(0.0, 1.5)},
        r"values for 'dropout' that are sure to fail: .* Got 1\.5 instead",
    ),
    "wrong choice": (
        {"optimizer": ["adam", "adams"]},
        r"values for 'optimizer' that are sure to fail: .* Got 'adams' instead",
    ),
    "function of nothing": (lambda trial: {}, r"must return a dict with at least one"),
    "function with an unknown name": (
        lambda trial: {"rate": trial.suggest_float("rate", 0.1, 1.0)},
        r"names 'rate', which is no parameter of MLPClassifier",
    ),
}


@pytest.mark.parametrize("kind", SPACES)
def test_space_that_cannot_be_searched_is_refused(
    net: Any, iris: Any, tmp_path: Path, kind: str
) -> None:
    """Before a study is made: the storage does not know of it."""
    space, sentence = SPACES[kind]
    path = tmp_path / "journal.log"
    search = OptunaSearchCV(net, space, n_trials=2, storage=path)
    with pytest.raises((ValueError, TypeError), match=f"'space'.*{sentence}"):
        search.fit(*iris)
    assert not path.exists() or path.read_bytes() == b""
    assert not [name for name in vars(search) if name.endswith("_")]


def test_name_without_its_step_is_completed(iris: Any) -> None:
    """The commonest slip with a Pipeline."""
    search = OptunaSearchCV(PIPELINE, {"learning_rate": [0.1]})
    with pytest.raises(ValueError, match="Did you mean 'mlpclassifier__learning_rate'"):
        search.fit(*iris)


def test_name_that_a_later_trial_draws_is_told(make_search: Any, iris: Any) -> None:
    """A branch that the defaults do not take ends the search, not the trial."""

    def space(trial: Any) -> dict[str, Any]:
        name = trial.suggest_categorical("optimizer", ["adam", "sgd"])
        extra = {} if name == "adam" else {"moment": 0.9}
        return {"optimizer": name, **extra}

    search = make_search(space=space, n_trials=20)
    with pytest.raises(ValueError, match="names 'moment'"):
        search.fit(*iris)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"n_trials": 0}, r"'n_trials' parameter of OptunaSearchCV must be"),
        ({"n_trials": None}, r"needs an end\. Got n_trials=None and timeout=None"),
        ({"pruning": "sometimes"}, r"'pruning' parameter of OptunaSearchCV must be"),
        ({"pruner": "median"}, r"'pruner' parameter of OptunaSearchCV must be"),
        ({"sampler": 3}, r"'sampler' parameter of OptunaSearchCV must be"),
        ({"space": "all"}, r"'space' parameter of OptunaSearchCV must be"),
        ({"resume": True, "join": True}, r"Got resume=True and join=True"),
        ({"join": True}, r"Got join=True and storage=None"),
        ({"resource": "max_epoch"}, None),
        ({"device": "cuda:auto"}, r"asks for 'cuda:auto', but this process sees: cpu"),
        (
            {"enqueue": [{"learning_rate": 7.0}]},
            r"'enqueue' .* stay in the space\. Got learning_rate=7\.0",
        ),
        ({"enqueue": [{"rate": 7.0}]}, r"names 'rate'"),
        (
            {"refit": "accuracy", "scoring": ["neg_log_loss"]},
            r"must be set to a scorer",
        ),
    ],
)
def test_setting_that_breaks_a_rule_is_refused(
    make_search: Any, iris: Any, monkeypatch: Any, settings: Any, sentence: str | None
) -> None:
    """With the parameter, the rule and what was got."""
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    search = make_search(**{"n_trials": 1, **settings})
    if sentence is None:
        search.fit(*iris)  # it is for estimators of others
        return
    with pytest.raises(ValueError, match=sentence):
        search.fit(*iris)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"resource": "max_iter"}, r"with partial_fit\. Got 'max_iter' for Logistic"),
        ({"refit_epochs": "mean_best"}, r"counts epochs .* Got 'mean_best' for Logis"),
    ],
)
def test_setting_for_another_estimator_is_refused(
    make_search: Any, iris: Any, settings: Any, sentence: str
) -> None:
    """Epochs are not counted where there are none."""
    search = make_search(LogisticRegression(), {"C": [1.0]}, **settings)
    with pytest.raises(ValueError, match=sentence):
        search.fit(*iris)


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        ("/nowhere/at/all/journal.log", r"there is no folder '/nowhere/at/all'"),
        ("sqlite:////nowhere/at/all.db", r"unable to open database|database"),
        ("nosuchbase://host/db", r"nosuchbase"),
    ],
)
def test_storage_that_cannot_be_reached_is_told(
    make_search: Any, iris: Any, storage: str, reason: str
) -> None:
    """With the reason that the driver gives."""
    search = make_search(storage=storage)
    with pytest.raises(StudyError, match=f"cannot open storage='{storage}'.*{reason}"):
        search.fit(*iris)


def test_password_is_not_shown(make_search: Any, iris: Any) -> None:
    """Errors end up in logs."""
    search = make_search(storage="nosuchbase://me:secret@host/db")
    with pytest.raises(StudyError, match=r"me:\*\*\*@host") as raised:
        search.fit(*iris)
    assert "secret" not in str(raised.value)


def test_failing_fit_leaves_the_search_as_it_was(
    make_search: Any, iris: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier fit found is still there."""
    X, y = iris
    search = make_search(n_trials=2).fit(X, y)
    before = dict(vars(search))
    X_bad = X.copy()
    X_bad[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"All 2 trials .* failed"):
        search.fit(X_bad, y)
    found = {name for name in vars(search) if name.endswith("_")}
    assert all(vars(search)[name] is before[name] for name in found)
    assert "cv_results_" in found


def test_search_is_silent(
    make_search: Any, iris: Any, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Optuna logs to stderr whatever it does; not for us, and still for others."""
    verbosity = optuna.logging.get_verbosity()
    level = logging.getLogger("optuna").level
    make_search(n_trials=3, storage=tmp_path / "journal.log").fit(*iris)
    make_search(n_trials=3).fit(*iris)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == verbosity
    assert logging.getLogger("optuna").level == level
    # Optuna's handler writes to the stderr of the time when it was made.
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[assignment,method-assign]
    logger = logging.getLogger("optuna")
    logger.addHandler(handler)
    try:
        optuna.create_study()
        assert len(records) == 1
        make_search(n_trials=2).fit(*iris)
        assert len(records) == 1
    finally:
        logger.removeHandler(handler)
        capfd.readouterr()


def test_default_space_is_asked_for_by_its_profile(
    make_search: Any, iris: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the estimator and the data; the dict is searched like any other."""
    asked = []

    class Module:
        @staticmethod
        def default_space(estimator: Any, *, profile: str, X: Any, y: Any) -> Any:
            asked.append((type(estimator).__name__, profile, X.shape, len(y)))
            return {"hidden_layer_sizes": IntDistribution(4, 8)}

    name = "skdeep.model_selection._default_space"
    monkeypatch.setitem(sys.modules, name, Module())
    for space in ("default", "fast", "wide"):
        search = make_search(space=space, n_trials=1, cv=2).fit(*iris)
        assert search.best_params_.keys() == {"hidden_layer_sizes"}
    assert asked == [
        ("MLPClassifier", profile, (75, 4), 75)
        for profile in ("balanced", "fast", "wide")
    ]


def test_defaults_are_tried_first_as_far_as_the_space_holds_them(
    make_search: Any, iris: Any
) -> None:
    """And given parameters after one another, in place of them."""
    space = {
        "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
        "hidden_layer_sizes": [(6,), (8, 8)],
        "dropout": FloatDistribution(0.1, 0.5),
        "optimizer": CategoricalDistribution(["sgd", "adam"]),
    }
    first = make_search(space=space, n_trials=1).fit(*iris).best_params_
    assert first["learning_rate"] == 0.001
    assert first["hidden_layer_sizes"] == (6,)
    assert first["optimizer"] == "adam"
    assert 0.1 <= first["dropout"] <= 0.5, "it is 0 by default: drawn"
    given = [{"learning_rate": 0.02}, {"optimizer": "sgd", "dropout": 0.25}]
    params = make_search(space=space, n_trials=3, enqueue=given).fit(*iris).cv_results_
    assert params["params"][0]["learning_rate"] == 0.02
    assert params["params"][1]["optimizer"] == "sgd"
    assert params["params"][1]["dropout"] == 0.25
    none = make_search(space=space, n_trials=1, enqueue=None).fit(*iris).best_params_
    assert none["learning_rate"] != 0.001
