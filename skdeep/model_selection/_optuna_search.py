"""The search: parameters drawn by Optuna, cross-validated, and pruned by the epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from optuna.storages import BaseStorage

from skdeep._compat import (
    BaseSearchCV,
    HasMethods,
    Interval,
    StrOptions,
    Tags,
    fit_context,
    get_tags,
)
from skdeep.model_selection._attributes import TrialAttributes
from skdeep.model_selection._search_fit import SearchFit
from skdeep.model_selection._space import PROFILES

if TYPE_CHECKING:
    from skdeep._typing import MatrixLike, Seed


class OptunaSearchCV(TrialAttributes, BaseSearchCV):
    """Search the parameters of an estimator with Optuna and cross-validation.

    It stands wherever `RandomizedSearchCV` of scikit-learn does, and fills the same
    `cv_results_`. Parameters are drawn by a sampler that learns from the trials before.
    Where the estimator, or the last step of a Pipeline, is one of skdeep, all folds of
    a trial are trained side by side, an epoch at a time, and a pruner stops the trial
    when the mean of their scores falls behind; the steps before it are fitted once a
    fold. A trial that is not stopped scores what `cross_val_score` gives, to the last
    bit.

    Parameters
    ----------
    estimator : estimator object
        Any estimator of scikit-learn's kind.
    space : {"default", "fast", "balanced", "wide"}, dict or callable, default="default"
        Where to search. A name asks the estimator for a space of its own ("default" is
        "balanced"), also inside a Pipeline. A dict has, by name of the parameter, a
        distribution of Optuna, a frozen distribution of `scipy.stats`, or a list of
        values. A function is given the trial and returns a dict of parameters, which
        may depend on one another.
    n_trials : int or None, default=50
        How many trials to run, those of all workers together. None: as many as
        `timeout` allows.
    timeout : float or None, default=None
        Seconds after which the search ends, looked at between two epochs. A trial that
        it breaks off does not count.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in scikit-learn's searches. Of several metrics the one that `refit` names is
        searched for, else the first.
    cv : int, cross-validation generator or iterable, default=None
        As in scikit-learn's searches. The folds are made once, for all trials.
    refit : bool, str or callable, default=True
        As in scikit-learn's searches.
    refit_epochs : {"mean_best"} or None, default=None
        "mean_best" trains the best estimator on all rows for as many epochs as the
        weights had, on the mean of the folds, that were scored: nothing is held out
        for early stopping. For estimators of skdeep. None: as its parameters say.
    pruning : {"lockstep", "offset", "off"}, default="lockstep"
        "lockstep" trains all folds side by side and holds their models and rows in
        memory. "offset" trains one fold after the other and counts their epochs on.
        Estimators without epochs are pruned between folds.
    pruner : optuna.pruners.BasePruner or None, default=None
        Which trials to stop; it is copied. None: those that are, after two epochs,
        not among the best quarter of the finished ones at the same epoch, once there
        are five.
    report_every : int, default=1
        Epochs between two scores of a fold. Scoring costs time, too.
    resource : str or None, default=None
        For an estimator that is not of skdeep and has `partial_fit`: its parameter with
        the number of passes over the rows, such as "max_iter". It is then trained by as
        many calls of `partial_fit`, also in the refit, and pruned between them.
    sampler : optuna.samplers.BaseSampler or None, default=None
        Draws parameters; it is copied. None: `optuna.samplers.TPESampler`.
    enqueue : "default", list of dict or None, default="default"
        Parameters to try first. "default": those that the estimator has, as far as the
        space holds them; the sampler draws the others.
    storage : str, Path, optuna.storages.BaseStorage or None, default=None
        Where trials are kept: a path of a journal file, the URL of a database
        (``postgresql://``, ``sqlite:///``) or of Optuna's proxy (``grpc://host:port``).
        None: in memory, or in a file that goes with the search if there are several
        workers.
    study_name : str or None, default=None
        Name of the study in the storage; None makes one up.
    resume : bool, default=False
        Go on with the study of that name, if there is one, until `n_trials` are done.
        Without a storage: with the study of the last fit of this object, also where
        that fit was interrupted. It must be about the same data, folds, space,
        estimator, scoring and versions.
    join : bool, default=False
        Take part in a study that another process makes, which is waited for for a
        minute: run trials of its budget until none is left.
    n_jobs : int or None, default=None
        Number of workers, as joblib counts them: each runs trials of its own.
    device : str, list of str or None, default=None
        Where workers train, in turn: "cuda:auto" is every CUDA device. None: where the
        estimator says.
    slots_per_device : int, default=1
        Workers a device takes at a time; no more are started.
    callbacks : list of callable or None, default=None
        Called with the study and the trial after each trial, in the worker that ran it.
        ``study.stop()`` ends the search of that worker.
    error_score : "raise" or float, default=np.nan
        Score of folds whose fit fails. A trial with such a fold never wins.
    return_train_score : bool, default=False
        Whether to score training rows as well.
    random_state : int, RandomState instance, Generator instance or None, default=None
        Seeds the default sampler. With several workers, the order in which their trials
        end also matters.
    verbose : int, default=0
        0 is silent; 1 shows progress, the best score and what is left to do; 2 writes a
        line a trial.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray of shape (n_trials,)
        As in `RandomizedSearchCV`, and "state" ("COMPLETE", "PRUNED" or "FAIL"),
        "n_epochs" (of all folds; 0 where there are none) and "trial_number". A trial
        that was pruned keeps the scores that it had, without a mean.
    best_index_ : int
        Row of the best trial.
    best_params_ : dict
        Its parameters.
    best_score_ : float
        Its mean score; absent with a callable `refit`.
    best_estimator_ : estimator object
        Fitted on all rows with these parameters, if `refit`.
    refit_time_ : float
        Seconds that took.
    scorer_ : callable or dict of str to callable
        What scored.
    multimetric_ : bool
        Whether there were several metrics.
    n_splits_ : int
        Number of folds.
    n_features_in_ : int
        Number of features, if `refit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if `refit` and X had string column names.
    classes_ : ndarray of shape (n_classes,)
        The labels, if `refit` and the estimator is a classifier.
    study_ : optuna.study.Study
        All trials, in memory, for Optuna's own tools.
    param_importances_ : dict of str to float
        Share of each parameter in the variance of the score.

    See Also
    --------
    skdeep.SearchDisplay : Draw what a search has found.

    Notes
    -----
    Why the mean of the folds: a score on a single fold is too noisy to prune on, and
    folds that are told one after the other repeat their steps, which Optuna ignores.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdeep import MLPClassifier, OptunaSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier(max_epochs=10))
    >>> space = {
    ...     "mlpclassifier__hidden_layer_sizes": [(16,), (16, 16)],
    ...     "mlpclassifier__learning_rate": [0.001, 0.01, 0.1],
    ... }
    >>> search = OptunaSearchCV(model, space, n_trials=4, cv=3, random_state=0)
    >>> search.fit(X, y).best_params_["mlpclassifier__learning_rate"]
    0.1
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn's
        **{
            name: BaseSearchCV._parameter_constraints[name]
            for name in (
                "estimator",
                "scoring",
                "n_jobs",
                "refit",
                "cv",
                "verbose",
                "error_score",
                "return_train_score",
            )
        },
        "space": [StrOptions(set(PROFILES)), dict, callable],
        "n_trials": [Interval(Integral, 1, None, closed="left"), None],
        "timeout": [Interval(Real, 0, None, closed="neither"), None],
        "refit_epochs": [StrOptions({"mean_best"}), None],
        "pruning": [StrOptions({"lockstep", "offset", "off"})],
        "pruner": [HasMethods(["prune"]), None],
        "report_every": [Interval(Integral, 1, None, closed="left")],
        "resource": [str, None],
        "sampler": [HasMethods(["sample_relative"]), None],
        "enqueue": [StrOptions({"default"}), list, tuple, None],
        "storage": [str, Path, BaseStorage, None],
        "study_name": [str, None],
        "resume": ["boolean"],
        "join": ["boolean"],
        "device": [str, list, tuple, None],
        "slots_per_device": [Interval(Integral, 1, None, closed="left")],
        "callbacks": [list, tuple, None],
        "random_state": ["random_state", np.random.Generator],
    }

    def __init__(
        self,
        estimator: Any,
        space: str | Mapping[str, Any] | Callable[..., Any] = "default",
        *,
        n_trials: int | None = 50,
        timeout: float | None = None,
        scoring: Any = None,
        cv: Any = None,
        refit: Any = True,
        refit_epochs: str | None = None,
        pruning: str = "lockstep",
        pruner: Any = None,
        report_every: int = 1,
        resource: str | None = None,
        sampler: Any = None,
        enqueue: str | Sequence[Mapping[str, Any]] | None = "default",
        storage: str | Path | BaseStorage | None = None,
        study_name: str | None = None,
        resume: bool = False,
        join: bool = False,
        n_jobs: int | None = None,
        device: str | Sequence[str] | None = None,
        slots_per_device: int = 1,
        callbacks: Sequence[Callable[..., Any]] | None = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.space = space
        self.n_trials = n_trials
        self.timeout = timeout
        self.scoring = scoring
        self.cv = cv
        self.refit = refit
        self.refit_epochs = refit_epochs
        self.pruning = pruning
        self.pruner = pruner
        self.report_every = report_every
        self.resource = resource
        self.sampler = sampler
        self.enqueue = enqueue
        self.storage = storage
        self.study_name = study_name
        self.resume = resume
        self.join = join
        self.n_jobs = n_jobs
        self.device = device
        self.slots_per_device = slots_per_device
        self.callbacks = callbacks
        self.error_score = error_score
        self.return_train_score = return_train_score
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: MatrixLike, y: Any = None, **params: Any) -> Self:
        """Search, and fit the best estimator on all rows.

        If the call fails or is interrupted the search stays as it was before, and
        trials that have ended stay in the storage.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training inputs, of any kind that the estimator takes.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Training targets.
        **params : dict
            As in scikit-learn's searches: what the estimator's `fit`, the scorer and
            the splitter are given, such as `sample_weight` and `groups`.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        ValueError
            If a parameter breaks a rule, or no trial came to its end.
        StudyError
            If the storage cannot be opened, or its study is about something else.
        """
        SearchFit(self, X, y, params).run()
        return self

    def __sklearn_tags__(self) -> Tags:
        """Say of inputs and targets what the estimator says."""
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags = deepcopy(inner.input_tags)
        tags.target_tags = deepcopy(inner.target_tags)
        return tags
