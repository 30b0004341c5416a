"""A grid search that trains its networks side by side."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid
from sklearn.utils import indexable

from skdeep._compat import (
    BaseSearchCV,
    SearchTasks,
    check_method_params,
    fit_context,
    insert_error_scores,
    tell_of_failures,
)
from skdeep._console import write_line
from skdeep._told_once import told_once
from skdeep.model_selection._fit_parameters import check_fit_params
from skdeep.model_selection._results import best_row
from skdeep.model_selection._splits import make_splits
from skdeep.model_selection._vectorized_fits import GridTask, run_grid

if TYPE_CHECKING:
    from typing import Self

    from skdeep._typing import MatrixLike


class VectorizedSearchCV(BaseSearchCV):
    """Search over a grid, with all networks of one shape trained as one.

    It finds what `GridSearchCV` finds, in a fraction of the time. Candidates and folds
    whose networks have the same layers, and batches of the same size, lie in one
    stacked network: a layer is one product of batches of matrices, a step is taken for
    all of them at once. Each member keeps its own rows, initial weights, order of the
    rows, masks of dropout, learning rate, penalties, stopping and best epoch, and comes
    out as it would alone, up to rounding.

    Parameters
    ----------
    estimator : estimator instance
        An `MLPClassifier` or `MLPRegressor`, alone or at the end of a `Pipeline`. All
        others work, too, and are fitted one by one.
    param_grid : dict or list of dict
        From names of parameters to the values to try, or several such grids.
    scoring : str, callable, list, tuple or dict, default=None
        One metric or several, as `GridSearchCV` takes them. None is the score of the
        estimator.
    n_jobs : int or None, default=None
        Processes for the fits that are made one by one, and for these only.
    refit : bool, str or callable, default=True
        Fit the best candidate on all rows. With several metrics the name of the one
        that decides; or a function from `cv_results_` to the place of the best.
    cv : int, cross-validation generator or iterable, default=None
        The folds; None is five of them. They are drawn once.
    verbose : int, default=0
        Above 0 the numbers of fits and of stacks are printed, and more of the fits that
        are made one by one. What the estimator itself would show of the epochs of a
        network in a stack is not shown.
    pre_dispatch : int or str, default="2*n_jobs"
        Of joblib, for the fits that are made one by one.
    error_score : "raise" or float, default=np.nan
        Score of a fit that fails, as by a learning rate that is too large. Other
        members of its stack take no notice.
    return_train_score : bool, default=False
        Score training rows as well.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        As that of `GridSearchCV`, key by key. The time of a stack is divided among its
        members by the epochs in which they took part.
    stack_sizes_ : ndarray of shape (n_candidates, n_splits)
        How many networks each was trained along with, itself included; 1 where it was
        trained alone.
    best_estimator_ : estimator
        Fitted on all rows, unless ``refit=False``.
    best_score_ : float
        Mean score of the best candidate. Not with a function for `refit`.
    best_params_ : dict
        Its parameters.
    best_index_ : int
        Its place in `cv_results_`.
    scorer_ : callable or dict
        The metrics.
    n_splits_ : int
        Number of folds.
    refit_time_ : float
        Seconds of the last fit.
    multimetric_ : bool
        Whether there are several metrics.
    classes_ : ndarray of shape (n_classes,)
        Labels, of a classifier that was refitted.
    n_features_in_ : int
        Number of features, where the estimator was refitted.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had string column names.

    Raises
    ------
    ValueError
        By `fit`, if all fits fail, or a parameter breaks its rule.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : The same search, a fit at a time.
    search_space : Ranges worth searching.

    Notes
    -----
    In a stack may differ: learning rate, its schedule and warm-up, `l1`, `l2`,
    `weight_decay`, `dropout`, `label_smoothing`, `class_weight`, weights of rows,
    `max_grad_norm`, `max_epochs`, `tol`, `n_iter_no_change`, seed and fold. A grid over
    layers, activations, optimizers or batches is cut into a stack for each.

    Trained alone are networks with batch normalization, with activations, losses or
    optimizers that are not named by a str, with "lbfgs", `weight_averaging`,
    `callbacks` or `compile`, in reduced precision, under early stopping by another
    figure than the loss, and on sparse rows or large memory maps.

    All members of a stack are in memory at once: some hundred kilobytes each for small
    networks, and the rows of every fold.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import MLPClassifier, VectorizedSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> search = VectorizedSearchCV(
    ...     MLPClassifier((16,), max_epochs=50, random_state=0),
    ...     {"learning_rate": [1e-3, 1e-2, 1e-1], "dropout": [0.0, 0.2]},
    ... )
    >>> search.fit(X, y).best_score_ > 0.9
    np.True_
    >>> search.stack_sizes_.shape, int(search.stack_sizes_.max())
    ((6, 5), 30)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseSearchCV._parameter_constraints,  # noqa: SLF001 - as its own kin do
        "param_grid": [dict, list],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_grid = param_grid

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: MatrixLike, y: Any = None, **params: Any) -> Self:
        """Fit all candidates on all folds, then the best one on all rows.

        If the call fails or is interrupted the search stays as it was before.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Training targets.
        **params : dict of str to object
            Handed to `fit` of the estimator, to the metrics and to the splitter, as
            `GridSearchCV` does: `sample_weight` is cut into folds, `groups` goes to the
            splitter.

        Returns
        -------
        self : object
            The fitted search.
        """
        scorers, metric = self._get_scorers()
        X, y = indexable(X, y)
        params = check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        tasks = SearchTasks(self, X, y, params.get("sample_weight"))
        task = GridTask(
            estimator=clone(self.estimator),
            X=X,
            y=y,
            splits=make_splits(self, X, y, routed.splitter.split),
            fit_params=check_fit_params(type(self).__name__, routed.estimator.fit),
            scoring={
                "scorer": scorers,
                "score_params": routed.scorer.score,
                "return_train_score": self.return_train_score,
                "return_n_test_samples": True,
                "return_times": True,
                "error_score": self.error_score,
                "verbose": self.verbose,
            },
        )
        found: dict[str, Any] = {"n_splits_": len(task.splits)}
        with told_once(set()):
            found |= self._search(task, tasks)
        found |= self._choose(found, metric)
        if self.refit:
            found |= self._refit(task, found["best_params_"], tasks)
        found["scorer_"] = getattr(scorers, "_scorers", scorers)
        self._adopt(found)
        tasks.close()
        return self

    def _search(self, task: GridTask, tasks: SearchTasks) -> dict[str, Any]:
        """Fit and score the grid."""
        candidates = list(ParameterGrid(self.param_grid))
        n_candidates, n_splits = len(candidates), len(task.splits)
        if not n_candidates:
            raise ValueError(
                "The 'param_grid' parameter of VectorizedSearchCV has no candidate. "
                f"Got {self.param_grid!r}. Name at least one value."
            )
        for name in {name for candidate in candidates for name in candidate}:
            if not isinstance(name, str):
                raise TypeError(
                    "The 'param_grid' parameter of VectorizedSearchCV must name "
                    f"parameters by strings. Got {name!r:.60} of type "
                    f"{type(name).__name__}. Write {{'name of the parameter': values}}."
                )
        with tasks.evaluating(n_candidates * n_splits):
            results, sizes = run_grid(
                task, candidates, self.n_jobs, self.pre_dispatch, tasks
            )
        keys = [(c, f) for c in range(n_candidates) for f in range(n_splits)]
        out = [results[key] for key in keys]
        stacks = np.array([sizes[key] for key in keys]).reshape(-1, n_splits)
        if self.verbose > 0:
            n_alone = int((stacks == 1).sum())
            write_line(
                f"Fitted {n_splits} folds for each of {n_candidates} candidates: "
                f"{len(out) - n_alone} networks in {_n_stacks(stacks)} stacks, "
                f"{n_alone} one by one"
            )
        tell_of_failures(out, self.error_score)
        if callable(self.scoring):
            insert_error_scores(out, self.error_score)
        return {
            "multimetric_": isinstance(out[0]["test_scores"], dict),
            "cv_results_": self._format_results(candidates, n_splits, out),
            "stack_sizes_": stacks,
        }

    def _choose(self, found: dict[str, Any], metric: Any) -> dict[str, Any]:
        """Return the best candidate, where there is one to be named."""
        results, several = found["cv_results_"], found["multimetric_"]
        if callable(self.scoring) and several:
            names = [key[10:] for key in results if key.startswith("mean_test_")]
            self._check_refit_for_multimetric(names)
            metric = self.refit
        if several and not self.refit:
            return {}
        index = best_row(self, metric, results)
        best = {"best_index_": index, "best_params_": results["params"][index]}
        if not callable(self.refit):
            best["best_score_"] = results[f"mean_test_{metric}"][index]
        return best

    def _refit(
        self, task: GridTask, params: dict[str, Any], tasks: SearchTasks
    ) -> dict[str, Any]:
        """Return the best candidate fitted on all rows."""
        estimator = clone(task.estimator).set_params(**clone(params, safe=False))
        started = time.perf_counter()
        with tasks.refit(estimator):
            rows = (task.X,) if task.y is None else (task.X, task.y)
            estimator.fit(*rows, **task.fit_params)
        fitted = {
            "best_estimator_": estimator,
            "refit_time_": time.perf_counter() - started,
        }
        if hasattr(estimator, "feature_names_in_"):
            fitted["feature_names_in_"] = estimator.feature_names_in_
        return fitted

    def _adopt(self, found: dict[str, Any]) -> None:
        """Take over what was found, in one go."""
        stale = [name for name in vars(self) if name.endswith("_")]
        for name in stale:
            delattr(self, name)
        self.__dict__.update(found)


def _n_stacks(sizes: np.ndarray[Any, Any]) -> int:
    """Return how many stacks there were: one of n members is counted n times."""
    return round(float((1.0 / sizes[sizes > 1]).sum()))
