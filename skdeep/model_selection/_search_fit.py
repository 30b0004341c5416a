"""One fit of a search: prepare, run, choose, refit, and take over in one go."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.trial import TrialState
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable

from skdeep._compat import (
    SearchTasks,
    check_method_params,
    get_tags,
    scorers_by_name,
)
from skdeep._devices import available_devices
from skdeep._seeding import draw_seed
from skdeep.base import takes_steps
from skdeep.model_selection._fingerprint import fingerprint
from skdeep.model_selection._fit_parameters import check_fit_params
from skdeep.model_selection._folds import Evaluation
from skdeep.model_selection._opening import OpenStudy, Wanted, opened
from skdeep.model_selection._optuna_errors import told_by_search
from skdeep.model_selection._results import (
    Row,
    best_row,
    check_rows,
    format_results,
    read_rows,
)
from skdeep.model_selection._running import count_workers, run_trials
from skdeep.model_selection._slots import device_slots
from skdeep.model_selection._space import make_space
from skdeep.model_selection._space_checks import check_names, check_space
from skdeep.model_selection._splits import make_splits
from skdeep.model_selection._steps import PipelineSteps, has_epochs, last_step
from skdeep.model_selection._storage import quiet_optuna
from skdeep.model_selection._worker import SearchJob, make_sampler

if TYPE_CHECKING:
    from optuna.study import Study

    from skdeep._typing import MatrixLike

# Parameters of skdeep's estimators that count epochs.
EPOCHS = ("max_epochs", "head_epochs")


class SearchFit:
    """One call of `OptunaSearchCV.fit`.

    Parameters
    ----------
    search : OptunaSearchCV
        Left alone until all is done.
    X : array-like of n_samples rows
        Training inputs.
    y : array-like
        Training targets, or None.
    params : dict
        What `fit` was given beside them.
    """

    def __init__(
        self, search: Any, X: MatrixLike, y: Any, params: dict[str, Any]
    ) -> None:
        self.search = search
        self.scorers, self.refit_metric = search._get_scorers()
        self.X, self.y = indexable(X, y)
        self.params = check_method_params(self.X, params=params)
        self.routed = search._get_routed_params_for_fit(self.params)
        remedy = "Set storage= and resume=True to resume a search. "
        check_fit_params(type(search).__name__, self.routed.estimator.fit, remedy)
        self.estimator = clone(search.estimator)
        self._check_settings()
        self.space = make_space(search.space, self.estimator, self.X, self.y)
        check_space(self.space, self.estimator)
        self.first = self._first_trials()
        self.splits = make_splits(search, self.X, self.y, self.routed.splitter.split)
        self.slots = device_slots(
            search.device, available_devices(), search.slots_per_device
        )
        self.evaluation = self._evaluation()
        self.n_trials = None if search.n_trials is None else int(search.n_trials)
        self.n_workers = count_workers(search.n_jobs, self.n_trials, len(self.slots))

    def run(self) -> None:
        """Search, refit, and write what was found on the search."""
        search = self.search
        weight = self.params.get("sample_weight")
        tasks = SearchTasks(search, self.X, self.y, weight)
        if self.n_workers == 1:
            # Workers may be other processes, to which callbacks do not go.
            self.evaluation.tasks = tasks
        with tasks.evaluating(self._n_evaluations()):
            rows, study = self.run_trials(tasks)
        failures = self.evaluation.failures
        check_rows(rows, search.timeout, failures[0] if failures else None)
        found = self._choose(rows, format_results(search, rows, len(self.splits)))
        found |= self._refit(rows, found, tasks)
        self._adopt({"study_": study, **found})
        tasks.close()

    def run_trials(self, tasks: SearchTasks | None = None) -> tuple[list[Row], Study]:
        """Run trials, and return those that count along with their study."""
        search = self.search
        with ExitStack() as stack:
            stack.enter_context(quiet_optuna())
            with told_by_search("open its study"):
                study = stack.enter_context(opened(*self._wanted()))
            try:
                run_trials(
                    self._job(study),
                    study,
                    tasks,
                    n_workers=self.n_workers,
                    verbose=int(search.verbose),
                )
            except BaseException:
                if search.storage is None:
                    # For fit with resume=True to go on from.
                    search._left_off = study.snapshot()
                raise
            return read_rows(study.study, self.space), study.snapshot()

    def _check_settings(self) -> None:
        search, learner = self.search, last_step(self.estimator)
        if self.y is None and get_tags(search).target_tags.required:
            raise ValueError(
                "This OptunaSearchCV estimator requires y to be passed, but the target "
                "y is None."
            )
        if search.n_trials is None and search.timeout is None and not search.join:
            raise ValueError(
                "OptunaSearchCV needs an end. Got n_trials=None and timeout=None. Set "
                "one of them."
            )
        if search.resume and search.join:
            raise ValueError(
                "OptunaSearchCV either goes on with a study or takes part in one. Got "
                "resume=True and join=True. Choose one."
            )
        if search.join and search.storage is None:
            raise ValueError(
                "OptunaSearchCV takes part in the study of a storage. Got join=True "
                "and storage=None. Say where the study is."
            )
        for callback in search.callbacks or ():
            if not callable(callback):
                raise TypeError(
                    "The 'callbacks' parameter of OptunaSearchCV takes functions of a "
                    f"study and a trial. Got {callback!r} among them."
                )
        name = type(learner).__name__
        if search.refit_epochs is not None and not takes_steps(learner):
            raise ValueError(
                "The 'refit_epochs' parameter of OptunaSearchCV counts epochs of an "
                f"estimator of skdeep. Got {search.refit_epochs!r} for {name}. Leave "
                "it None."
            )
        if search.resource is None or takes_steps(learner):
            return
        if search.resource not in learner.get_params() or not hasattr(
            learner, "partial_fit"
        ):
            raise ValueError(
                "The 'resource' parameter of OptunaSearchCV must be a parameter of an "
                f"estimator with partial_fit. Got {search.resource!r} for {name}."
            )

    def _first_trials(self) -> list[dict[str, Any]]:
        """Return what a new study tries first, as it stores it."""
        enqueue = self.search.enqueue
        if enqueue is None:
            return []
        if isinstance(enqueue, str):
            stored = self.space.store(self.estimator.get_params())
            if isinstance(self.search.sampler, optuna.samplers.GridSampler):
                # It completes no trial of which some parameters are given.
                return []
            return [stored] if stored else []
        trials = []
        for params in enqueue:
            check_names(params, self.estimator)
            stored = self.space.store(params)
            for name in params:
                if name not in stored:
                    raise ValueError(
                        "The 'enqueue' parameter of OptunaSearchCV must stay in the "
                        f"space. Got {name}={params[name]!r}."
                    )
            trials.append(stored)
        return trials

    def _n_evaluations(self) -> int | None:
        """Return how many folds scikit-learn's callbacks hear of; None if unknown."""
        search = self.search
        if self.n_trials is None or search.storage is not None or search.resume:
            return None
        return self.n_trials * len(self.splits)

    def _wanted(self) -> tuple[Wanted, dict[str, Any], int | None, list[Any]]:
        search = self.search
        left_off = getattr(search, "_left_off", getattr(search, "study_", None))
        about = fingerprint(
            self.estimator,
            self.space,
            search.scoring,
            self.X,
            self.y,
            self.splits,
            self.params,
        )
        about["scoring"]["objective"] = str(self._objective())
        wanted = Wanted(
            search.storage,
            search.study_name,
            search.resume,
            search.join,
            self.n_workers,
            left_off,
        )
        return wanted, about, self.n_trials, self.first

    def _job(self, study: OpenStudy) -> SearchJob:
        search = self.search
        seed = draw_seed(search.random_state)
        # A search that goes on does not draw again what it began with.
        n_before = sum(
            trial.state != TrialState.WAITING for trial in study.study.trials
        )
        if search.join or (search.resume and search.storage is not None):
            # Others may draw with the same random_state at the same time.
            seed = draw_seed(None)
        deadline = None
        if search.timeout is not None:
            deadline = time.time() + float(search.timeout)
        if study.n_trials is None and deadline is None:
            raise ValueError(
                "OptunaSearchCV takes part in a study without a budget for as long as "
                "timeout says. Got timeout=None."
            )
        pruner = search.pruner
        if pruner is None:
            # Half of them would do where candidates are drawn at random; a sampler that
            # learns draws better and better ones, of which too many are kept.
            pruner = optuna.pruners.PercentilePruner(
                25.0, n_startup_trials=5, n_warmup_steps=2
            )
        return SearchJob(
            evaluation=self.evaluation,
            space=self.space,
            storage=study.storage,
            study_name=study.study.study_name,
            n_trials=study.n_trials,
            deadline=deadline,
            # Here, since a worker may be a thread: warnings are ignored for a moment.
            samplers=[
                make_sampler(search.sampler, [seed, n_before], worker)
                for worker in range(self.n_workers)
            ],
            pruner=pruner,
            callbacks=tuple(search.callbacks or ()),
            slots=self.slots,
            watched=study.shared,
        )

    def _evaluation(self) -> Evaluation:
        search = self.search
        return Evaluation(
            estimator=self.estimator,
            X=self.X,
            y=self.y,
            splits=self.splits,
            scorer=self.scorers,
            objective=self._objective(),
            refit=search.refit,
            fit_params=self.routed.estimator.fit,
            score_params=self.routed.scorer.score,
            return_train_score=search.return_train_score,
            error_score=search.error_score,
            resource=search.resource,
            pruning=search.pruning,
            report_every=int(search.report_every),
            stride=self._stride(),
        )

    def _objective(self) -> str | None:
        """Return the metric that is tuned on; None is the only or the first one."""
        refit, scorers = self.search.refit, self.scorers
        named = refit if isinstance(refit, str) else None
        several = scorers_by_name(scorers)
        if several:
            return named or next(iter(several))
        return named if callable(self.search.scoring) else None

    def _stride(self) -> int:
        """Return the most epochs that a fold may take."""
        prefix, learner = "", self.estimator
        while isinstance(learner, Pipeline):
            name, learner = learner.steps[-1]
            prefix += f"{name}__"
        if not has_epochs(learner, self.search.resource):
            return 1
        known = learner.get_params()
        names = EPOCHS if takes_steps(learner) else (self.search.resource,)
        counts = [
            self.space.largest(prefix + name) or int(known[name])
            for name in names
            if name in known
        ]
        return max(counts)

    def _choose(self, rows: list[Row], results: dict[str, Any]) -> dict[str, Any]:
        """Return the results and the best of them."""
        search = self.search
        complete = [row.outcome for row in rows if row.outcome.state == "COMPLETE"]
        multimetric = complete[0].multimetric
        if callable(search.scoring) and multimetric:
            self.refit_metric = search.refit
        found = {
            "cv_results_": results,
            "multimetric_": multimetric,
            "n_splits_": len(self.splits),
            "scorer_": scorers_by_name(self.scorers) or self.scorers,
        }
        if not (search.refit or not multimetric):
            return found
        best = best_row(search, self.refit_metric, results)
        state = results["state"][best]
        if state != "COMPLETE":
            raise ValueError(
                "The function given as 'refit' to OptunaSearchCV must choose a trial "
                f"that came to its end. Got row {best}, whose state is {state}."
            )
        found |= {"best_index_": best, "best_params_": results["params"][best]}
        if not callable(search.refit):
            found["best_score_"] = results[f"mean_test_{self.refit_metric}"][best]
        return found

    def _refit(
        self, rows: list[Row], found: dict[str, Any], tasks: SearchTasks
    ) -> dict[str, Any]:
        """Fit the best estimator on all rows."""
        search = self.search
        if not search.refit:
            return {}
        best = clone(self.estimator).set_params(
            **clone(found["best_params_"], safe=False)
        )
        last_epoch = None
        if search.refit_epochs is not None:
            kept = rows[found["best_index_"]].outcome.kept_epoch
            last_epoch = max(1, round(float(np.mean(kept))))
        learner = last_step(best)
        began = time.perf_counter()
        with tasks.refit(best):
            if last_epoch is None and (
                takes_steps(learner) or not has_epochs(learner, search.resource)
            ):
                rows_given = (self.X,) if self.y is None else (self.X, self.y)
                best.fit(*rows_given, **self.routed.estimator.fit)
            else:
                steps = PipelineSteps(
                    best,
                    self.X,
                    self.y,
                    self.routed.estimator.fit,
                    resource=search.resource,
                    last_epoch=last_epoch,
                )
                while not steps.done:
                    steps.advance()
                steps.close()
                best = steps.estimator
        refitted = {
            "best_estimator_": best,
            "refit_time_": time.perf_counter() - began,
        }
        if hasattr(best, "feature_names_in_"):
            refitted["feature_names_in_"] = best.feature_names_in_
        return refitted

    def _adopt(self, found: dict[str, Any]) -> None:
        search = self.search
        for name in list(vars(search)):
            if name.endswith("_") and not name.startswith("_"):
                delattr(search, name)
        for name in ("_left_off", "_importances"):
            vars(search).pop(name, None)
        vars(search).update(found)
