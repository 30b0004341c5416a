"""A training in a file, so that one that was cut off goes on where it was."""

from __future__ import annotations

import os
from numbers import Integral
from pathlib import Path
from typing import Any

from skdeep._atomic_files import check_target, path_text, sweep
from skdeep.exceptions import PersistenceError
from skdeep.persistence._container import read_bytes, unpack, write_packed
from skdeep.persistence._encoding import Encoder
from skdeep.persistence._estimators import estimator_rules
from skdeep.persistence._saving import describe, read_payload, whatever_it_holds


class Checkpoint:
    """Keep a training in a file, and resume it to the same end.

    Pass it to `fit`. After every few epochs the file holds all that the epochs to come
    depend on: the weights, those of the best epoch, optimizer, schedule, averages,
    early stopping and the state of every generator. A fit that was cut off, by a crash,
    by Ctrl-C or by the end of a reservation, is resumed by the same call in a new
    process with ``resume=True``, and ends with the same weights, to the last bit on
    the same machine, as one that ran through.

    The file is written whole or not at all, and in the format of `save`: it holds no
    pickle, and `load` makes the estimator of it that training would have ended with at
    that epoch.

    Parameters
    ----------
    path : str or path
        Of the file. Its folder must be there. One fit at a time may write it.
    every : int, default=1
        After how many epochs it is written, at least 1; after the last it always is.
        Writing takes as long as writing some five times the weights, and reading what
        `random_state` and the data are takes about a second for a gigabyte of data.
    resume : bool, default=False
        Go on from the file where it is there, and begin afresh where it is not: a
        script that says True can be started again and again. False begins afresh, and
        replaces the file after the first epochs.

    See Also
    --------
    save : Save what is fitted.
    load : Make an estimator of a checkpoint.

    Notes
    -----
    Data and parameters must be those that the file was made with; anything else is an
    error that says what is not the same. `verbose`, `n_threads`, `time_limit`,
    `cache_features` and, unless it is an int, `random_state` may differ: the seeds
    are in the file. Callbacks of skorch, whose state nobody knows, are refused.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import Checkpoint, MLPClassifier, load
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier(max_epochs=20, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "iris.skdeep")
    ...     _ = classifier.fit(X, y, checkpoint=Checkpoint(path, every=5, resume=True))
    ...     load(path).n_iter_
    20
    """

    def __init__(
        self, path: str | os.PathLike[str], *, every: int = 1, resume: bool = False
    ) -> None:
        given: Any = every
        if not isinstance(given, Integral) or isinstance(given, bool) or every < 1:
            raise ValueError(
                "The 'every' parameter of Checkpoint must be an int of at least 1. Got "
                f"{every!r} instead."
            )
        self.path = Path(path_text(path, "Checkpoint"))
        self.every = int(every)
        self.resume = bool(resume)
        # Where the file of the present fit is, whatever the working directory becomes.
        self._file: Path | None = None

    def __repr__(self) -> str:
        """Show the arguments."""
        return (
            f"Checkpoint({str(self.path)!r}, every={self.every}, resume={self.resume})"
        )

    def read(self) -> dict[str, Any] | None:
        """Return the training that is kept, as `fit` asks for it.

        Returns
        -------
        training : dict or None
            None where nothing is kept, or nothing is to be resumed.

        Raises
        ------
        PersistenceError
            If the file is damaged, or no checkpoint; or if its folder is not there.
        """
        self._file = file = self._found()
        _check(file, self.path)
        sweep(file)
        if not self.resume or not file.exists():
            return None
        name = str(self.path)
        payload, arrays = unpack(read_bytes(file), name)
        if payload.get("kind") != "checkpoint":
            raise PersistenceError(
                f"The file {name} holds an estimator that was saved, and no training "
                "that could be resumed. Choose another path."
            )
        training = {**payload, "kind": "training"}
        with whatever_it_holds(name):
            kept: dict[str, Any] = read_payload(training, arrays, name, ())
        return kept

    def write(self, training: dict[str, Any], estimator: Any) -> None:
        """Keep a training, as `fit` asks for it.

        Parameters
        ----------
        training : dict
            All that the epochs to come depend on.
        estimator : estimator instance
            As it would be if training ended now.

        Raises
        ------
        PersistenceError
            If the file cannot be written; the one before is unharmed.
        """
        owner, why = type(estimator).__name__, ""
        encoder = Encoder(owner, estimator_rules(keep_optimizer=False, trusted=()))
        kept = encoder.node(training, "training")
        try:
            node = encoder.node(estimator, "")
        except PersistenceError as error:
            # Functions as parameters do not stand in the way of resuming.
            node, why = None, str(error)
        content = {"training": kept, "estimator": node, "why": why}
        payload = describe("checkpoint", content)
        write_packed(self._file or self._found(), payload, encoder.arrays)

    def _found(self) -> Path:
        """Return the path from the root."""
        try:
            return Path(os.path.abspath(self.path))  # noqa: PTH100 - follows no link
        except OSError as error:
            raise PersistenceError(
                f"The checkpoint {self.path} cannot be written: the working directory "
                "is gone. Pass an absolute path."
            ) from error


def _check(file: Path, called: Path) -> None:
    """Raise before the first epoch where a file could not be written after it."""
    try:
        target = Path(os.path.realpath(file))
        folder = target.parent
        reason = None
        if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            reason = f"{folder} is no folder that this process may write to"
        else:
            check_target(target)
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error)
    if reason is not None:
        raise PersistenceError(
            f"The checkpoint {called} cannot be written: {reason}. Choose another path."
        )
