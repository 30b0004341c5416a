"""What a fitted search tells of its trials, beside `cv_results_`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.trial import TrialState

from skdeep._compat import check_is_fitted
from skdeep._optional import optional_dependency
from skdeep.model_selection._storage import quiet_optuna

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class TrialAttributes:
    """Attributes and methods that follow from the study of a search."""

    study_: Study
    cv_results_: dict[str, Any]
    _importances: dict[str, float]

    @property
    def param_importances_(self) -> dict[str, float]:
        """Share of the variance of the score that each parameter accounts for.

        Largest first; the shares add up to 1, and are equal where the score is the
        same whatever the parameters are. Of trials that came to their end, and of
        parameters that all of them have. By a functional analysis of variance over a
        forest of trees [1]_.

        References
        ----------
        .. [1] Hutter, Hoos, Leyton-Brown, "An Efficient Approach for Assessing
           Hyperparameter Importance", ICML 2014
        """
        if "study_" not in vars(self):
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute "
                "'param_importances_' before it is fitted"
            )
        found: dict[str, float] | None = vars(self).get("_importances")
        if found is None:
            # Once: a repr of the search in a notebook looks at every attribute.
            found = self._importances = _importances(self.study_)
        return dict(found)

    def trials_dataframe(self) -> Any:
        """Return the trials as a table.

        Returns
        -------
        trials : pandas.DataFrame of shape (n_trials, n_columns)
            Indexed by the number of the trial: state, score, n_epochs, the times of
            its begin and end, its duration in seconds, and its parameters under the
            names that they have in `cv_results_`.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        check_is_fitted(self, "cv_results_")
        with optional_dependency("pandas", needed_by="OptunaSearchCV.trials_dataframe"):
            import pandas as pd
        results = self.cv_results_
        trials = {
            trial.number: trial for trial in self.study_.get_trials(deepcopy=False)
        }
        rows = [trials[number] for number in results["trial_number"]]
        table = pd.DataFrame(
            {
                "state": results["state"],
                "score": [trial.value for trial in rows],
                "n_epochs": results["n_epochs"],
                "began": [trial.datetime_start for trial in rows],
                "ended": [trial.datetime_complete for trial in rows],
            },
            index=pd.Index(results["trial_number"], name="trial_number"),
        )
        table["duration"] = (table["ended"] - table["began"]).dt.total_seconds()
        for name, column in results.items():
            if name.startswith("param_"):
                values = [None if value is np.ma.masked else value for value in column]
                table[name] = pd.Series(values, index=table.index)
        return table


def _importances(study: Study) -> dict[str, float]:
    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    scores = np.array([trial.value for trial in ended], dtype=float)
    scores = scores[np.isfinite(scores)]
    if not len(scores) or np.ptp(scores) == 0.0:
        return _equal_shares(ended)
    try:
        with quiet_optuna():
            # Its forest would draw from NumPy's global generator if it had no seed.
            evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
            shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    # Such as no variance in any tree, by rounding.
    except (ArithmeticError, RuntimeError, ValueError):
        return _equal_shares(ended)
    return {name: float(share) for name, share in shares.items()}


def _equal_shares(trials: list[FrozenTrial]) -> dict[str, float]:
    """Return the same share for each parameter that all trials have."""
    names = [set(trial.params) for trial in trials]
    common = sorted(set.intersection(*names)) if names else []
    return {name: 1.0 / len(common) for name in common}
