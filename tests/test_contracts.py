"""The promises of the README, each on every path that has to keep it."""

from __future__ import annotations

import io
import pickle
import threading
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from skorch.callbacks import Callback

import skdeep
from skdeep import Checkpoint
from tests import placed
from tests.placed import PLACED, Cut, CuttingCheckpoint, fit, those_that


def make(name: str, **others: Any) -> Any:
    """Return an estimator on one thread: sums over several have other last digits."""
    model = placed.make(name, **others)
    threaded = "n_threads" in model.get_params(deep=False)
    return model.set_params(n_threads=1) if threaded else model


@cache
def fitted(name: str) -> Any:
    """Return an estimator fitted once, not to be changed."""
    return fit(make(name), name)


# Those that hold a network of their own.
NETWORKS = [name for name in PLACED if "optimizer" in make(name).get_params(deep=False)]
RESUMES = [
    name for name in NETWORKS if name in those_that(lambda placed: placed.resumes)
]
STEPS = [
    name for name in NETWORKS if name in those_that(lambda placed: placed.partial_fit)
]


class Passed(TransformerMixin, BaseEstimator):
    """A step that hands on what it gets."""

    def fit(self, X: Any, y: Any = None) -> Passed:
        """Learn nothing."""
        return self

    def transform(self, X: Any) -> Any:
        """Return the rows as they are."""
        return X

    def __sklearn_is_fitted__(self) -> bool:
        """There is nothing to be fitted."""
        return True


class Stop(Callback):
    """Interrupt the fit after an epoch."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Do what Ctrl-C does."""
        raise KeyboardInterrupt


def plainly(name: str, folder: Path) -> Any:
    """Fit once more."""
    return fit(make(name), name)


def after_another_fit(name: str, folder: Path) -> Any:
    """Fit an estimator that is fitted already."""
    return fit(fit(make(name), name), name)


def in_a_pipeline(name: str, folder: Path) -> Any:
    """Fit as the last step of a Pipeline."""
    place = PLACED[name]
    pipe = make_pipeline(Passed(), make(name)).fit(place.X, place.y)
    return pipe[-1]


def in_nested_pipelines(name: str, folder: Path) -> Any:
    """Fit as the last step of a Pipeline in a Pipeline."""
    place = PLACED[name]
    inner = Pipeline([("passed", Passed()), ("network", make(name))])
    outer = Pipeline([("passed", Passed()), ("inner", inner)]).fit(place.X, place.y)
    return outer[-1][-1]


def in_a_thread(name: str, folder: Path) -> Any:
    """Fit in another thread."""
    model = make(name)
    thread = threading.Thread(target=fit, args=(model, name))
    thread.start()
    thread.join()
    return model


def by_joblib(name: str, folder: Path) -> Any:
    """Fit in a worker of joblib."""
    (model,) = joblib.Parallel(n_jobs=2, prefer="threads")(
        [joblib.delayed(fit)(make(name), name)]
    )
    return model


def refitted_by_grid_search(name: str, folder: Path) -> Any:
    """Fit as GridSearchCV does with the best candidate."""
    place = PLACED[name]
    rows = np.arange(len(place.y))
    search = GridSearchCV(make(name), {"random_state": [0]}, cv=[(rows, rows)])
    return search.fit(place.X, place.y).best_estimator_


def refitted_by_optuna(name: str, folder: Path, *, pruning: str) -> Any:
    """Fit as OptunaSearchCV does with the best candidate."""
    place = PLACED[name]
    rows = np.arange(len(place.y))
    search = skdeep.OptunaSearchCV(
        make(name),
        {"l2": [make(name).l2]},
        n_trials=1,
        cv=[(rows, rows)],
        pruning=pruning,
        random_state=0,
    )
    return search.fit(place.X, place.y).best_estimator_


def with_a_checkpoint(name: str, folder: Path) -> Any:
    """Fit with a checkpoint that is never needed."""
    return fit(make(name), name, checkpoint=Checkpoint(folder / "whole.skdeep"))


def resumed(name: str, folder: Path) -> Any:
    """Cut a fit off after two epochs, and resume it."""
    path = folder / "cut.skdeep"
    with pytest.raises(Cut):
        fit(make(name), name, checkpoint=CuttingCheckpoint(path, 2))
    return fit(make(name), name, checkpoint=Checkpoint(path, resume=True))


def with_another_default_dtype(name: str, folder: Path) -> Any:
    """Fit where torch makes float64 by default."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return fit(make(name), name)
    finally:
        torch.set_default_dtype(before)


def without_gradients(name: str, folder: Path) -> Any:
    """Fit where the caller has switched gradients off."""
    with torch.no_grad():
        return fit(make(name), name)


PATHS: dict[str, Callable[[str, Path], Any]] = {
    path.__name__: path
    for path in (
        plainly,
        after_another_fit,
        in_a_pipeline,
        in_nested_pipelines,
        in_a_thread,
        by_joblib,
        refitted_by_grid_search,
        with_another_default_dtype,
        without_gradients,
    )
}
for how in ("off", "lockstep", "offset"):
    PATHS[f"refitted_by_optuna_{how}"] = partial(refitted_by_optuna, pruning=how)
CHECKPOINTED = {path.__name__: path for path in (with_a_checkpoint, resumed)}


def assert_same_network(one: Any, two: Any) -> None:
    """Compare the weights and what was seen epoch by epoch, to the bit."""
    theirs = two.module_.state_dict()
    for key, tensor in one.module_.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), theirs[key].numpy(), key)
    np.testing.assert_array_equal(
        one.history_["train_loss"], two.history_["train_loss"]
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", NETWORKS)
def test_equal_seeds_give_equal_bits(name: str, path: str, tmp_path: Path) -> None:
    """Whatever a fit runs in, the network is that of a plain fit."""
    assert_same_network(PATHS[path](name, tmp_path), fitted(name))


@pytest.mark.parametrize("path", CHECKPOINTED)
@pytest.mark.parametrize("name", RESUMES)
def test_checkpoints_keep_the_bits(name: str, path: str, tmp_path: Path) -> None:
    """A fit that writes a checkpoint, or was resumed from one, is a plain fit."""
    assert_same_network(CHECKPOINTED[path](name, tmp_path), fitted(name))


def copied_by_pickle(model: Any, folder: Path) -> Any:
    """Return a copy that went through pickle."""
    return pickle.loads(pickle.dumps(model))


def copied_by_joblib(model: Any, folder: Path) -> Any:
    """Return a copy that went through a file of joblib."""
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


def copied_by_save(model: Any, folder: Path) -> Any:
    """Return a copy that went through a file without pickle."""
    skdeep.save(model, folder / "model.skdeep")
    return skdeep.load(folder / "model.skdeep")


COPIES = {
    copy.__name__: copy for copy in (copied_by_pickle, copied_by_joblib, copied_by_save)
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", STEPS)
def test_partial_fit_goes_on_after_a_copy(name: str, how: str, tmp_path: Path) -> None:
    """The next pass of a copy is that of the original, to the bit."""
    place = PLACED[name]
    model = make(name)
    if "early_stopping" in model.get_params():
        model.set_params(early_stopping=False)
    known = {"classes": np.unique(place.y)} if hasattr(model, "predict_proba") else {}
    model.partial_fit(place.X, place.y, **known)
    copy = COPIES[how](model, tmp_path)
    assert_same_network(
        copy.partial_fit(place.X, place.y), model.partial_fit(place.X, place.y)
    )


def too_few_targets(name: str) -> tuple[Any, Any]:
    """Return rows and too few targets."""
    place = PLACED[name]
    return place.X, place.y[:-1]


def no_rows(name: str) -> tuple[Any, Any]:
    """Return no row at all."""
    place = PLACED[name]
    return place.X[:0], place.y[:0]


def targets_that_are_missing(name: str) -> tuple[Any, Any]:
    """Return targets of which one is None."""
    place = PLACED[name]
    y = place.y.astype(object)
    y[1] = None
    return place.X, y


MISTAKES = {f.__name__: f for f in (too_few_targets, no_rows, targets_that_are_missing)}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_failed_fit_leaves_the_estimator_as_it_was(
    name: str, again: bool, mistake: str
) -> None:
    """Neither an estimator that is fitted nor one that is not is changed."""
    model = pickle.loads(pickle.dumps(fitted(name))) if again else make(name)
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError)):
        model.fit(*MISTAKES[mistake](name))
    assert vars(model) == before


@pytest.mark.parametrize("path", ["alone", "pipeline", "partial_fit"])
@pytest.mark.parametrize("name", NETWORKS)
def test_interrupted_fit_leaves_the_estimator_as_it_was(name: str, path: str) -> None:
    """Ctrl-C after an epoch loses nothing of the fit before."""
    place = PLACED[name]
    model = pickle.loads(pickle.dumps(fitted(name)))
    network = model.net_
    model.set_params(callbacks=[Stop()])
    call = model.fit
    if path == "pipeline":
        call = make_pipeline(Passed(), model).fit
    if path == "partial_fit":
        if "early_stopping" in model.get_params():
            model.set_params(early_stopping=False)
        call = model.partial_fit
    with pytest.raises(KeyboardInterrupt):
        call(place.X, place.y)
    assert model.net_ is network
    expected = fitted(name).predict(place.X)
    np.testing.assert_array_equal(model.predict(place.X), expected)


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_printed_unasked(
    path: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither stream gets a line, not from below Python either."""
    PATHS[path]("MLPClassifier", tmp_path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", NETWORKS)
def test_clone_and_set_params_leave_the_fit_alone(name: str) -> None:
    """A clone is not fitted; a parameter set later counts from the next fit on."""
    model = pickle.loads(pickle.dumps(fitted(name)))
    before = model.predict(PLACED[name].X)
    copy = clone(model).set_params(max_epochs=1)
    assert not hasattr(copy, "net_")
    model.set_params(max_epochs=1, batch_size=7)
    np.testing.assert_array_equal(model.predict(PLACED[name].X), before)


@pytest.mark.parametrize("name", NETWORKS)
def test_answers_do_not_depend_on_how_many_rows_are_asked(name: str) -> None:
    """A row alone, some rows, and all of them have the same answer to rounding."""
    place = PLACED[name]
    model = fitted(name)
    method = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    answer = getattr(model, method)
    whole = answer(place.X)
    pieces = np.concatenate([answer(place.X[:1]), answer(place.X[1:5])])
    np.testing.assert_allclose(pieces, whole[:5], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_verbose_fit_needs_no_console(
    name: str, verbose: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no standard output, nothing is written to it."""
    monkeypatch.setattr("sys.stdout", None)
    fit(make(name, verbose=verbose), name)


def test_verbose_fit_goes_on_when_output_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A closed stream is no reason to lose a fit."""
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr("sys.stdout", stream)
    assert hasattr(fit(make("MLPClassifier", verbose=2), "MLPClassifier"), "net_")
