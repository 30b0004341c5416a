"""
One study, two processes
========================

A search whose trials are kept in a file, shared by two processes of this machine. On
several machines only the storage differs: the URL of a database that all of them see.
Half a minute, nothing is downloaded.
"""

# %%
# The search, in one place
# ------------------------
# Every process makes the search by this function, so that estimator, space, data and
# folds are the same. What differs is refused when a process joins.

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from optuna.distributions import FloatDistribution
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import MLPClassifier, OptunaSearchCV


def make_search() -> tuple[OptunaSearchCV, Any, Any]:
    """Return the search, the inputs and the target."""
    X, y = load_breast_cancer(return_X_y=True)
    net = MLPClassifier(hidden_layer_sizes=(32,), max_epochs=10, random_state=0)
    space = {
        "mlpclassifier__learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
        "mlpclassifier__dropout": FloatDistribution(0.0, 0.5),
    }
    search = OptunaSearchCV(
        make_pipeline(StandardScaler(), net),
        space,
        n_trials=30,
        cv=3,
        study_name="breast cancer",
    )
    return search, X, y


# %%
# The first process makes the study
# ---------------------------------
# The other one waits for it. It reserves 30 trials in the file. Each process claims one
# after the other; together they run 30, no more and no less. `resume=True` would go on
# with what is there if this script were broken off and started again.


def main() -> None:
    """Search in this process and in another one that a command starts."""
    with tempfile.TemporaryDirectory() as folder:
        storage = Path(folder) / "trials.log"
        second = join(storage)
        search, X, y = make_search()
        search.set_params(storage=storage, resume=True, callbacks=[slowly])
        search.fit(X, y)
        said, _ = second.communicate(timeout=60)
        # After the comma comes the best score, which is different at each run.
        print(f"the other process said: {said.split(',')[0]}")

    # %%
    # What each has done
    # ------------------
    # Every trial knows the process that ran it. How many each has run depends on how
    # busy the machine is.

    trials = search.study_.trials
    workers = {trial.user_attrs["skdeep:lease"]["pid"] for trial in trials}
    print(f"{len(trials)} trials, by {len(workers)} processes")
    print(f"this one is among them: {os.getpid() in workers}")
    print(f"best accuracy above 0.95: {search.best_score_ > 0.95}")


def join(storage: Path) -> subprocess.Popen[str]:
    """Start a second process by one line, as it could be typed in a shell."""
    command = [sys.executable, "-m", "skdeep.model_selection"]
    target = [f"{sys.argv[0]}:make_search", "--storage", str(storage)]
    return subprocess.Popen([*command, *target], stdout=subprocess.PIPE, text=True)


def slowly(study: Any, trial: Any) -> None:
    """Leave the other process, which still has to start, something to do."""
    time.sleep(0.3)


if __name__ == "__main__":
    main()

# sphinx_gallery_thumbnail_path = '_static/thumb_search.svg'
