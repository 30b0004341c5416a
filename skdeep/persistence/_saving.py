"""Save and load without pickle: what is written names no code, and none is run."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sklearn
from sklearn.base import BaseEstimator

from skdeep._atomic_files import path_text
from skdeep._compat import BaseSearchCV
from skdeep._devices import device_or_cpu, plain_torch
from skdeep.base import current_versions
from skdeep.exceptions import (
    DeviceNotAvailableError,
    InconsistentVersionWarning,
    MissingDependencyError,
    PersistenceError,
)
from skdeep.persistence._container import (
    in_a_line,
    read_bytes,
    unpack,
    write_packed,
)
from skdeep.persistence._decoding import Decoder
from skdeep.persistence._encoding import Encoder
from skdeep.persistence._estimators import (
    estimator_readers,
    estimator_rules,
    estimators_in,
)
from skdeep.persistence._rehearsal import rehearse

if TYPE_CHECKING:
    from skdeep._typing import Array, DeviceSpec

# Raised with every change that an older `load` could not read.
FORMAT = 1


def save(
    estimator: Any,
    path: str | os.PathLike[str],
    *,
    keep_optimizer: bool = True,
    trusted: Sequence[str] = (),
) -> None:
    """Save an estimator, or a Pipeline, in one file that holds no pickle.

    The file holds numbers, texts and names of skdeep's classes, as JSON and arrays in
    the format of safetensors, under a sha256. It is written whole or not at all. The
    steps of a Pipeline that are scikit-learn's are saved by skops, which the extra
    "safe" installs.

    Parameters
    ----------
    estimator : estimator instance
        One of skdeep's estimators or transformers, fitted or not, or a
        `sklearn.pipeline.Pipeline` of these and of scikit-learn's.
    path : str or path
        Of the file; one that is there is replaced. Its folder must be there.
    keep_optimizer : bool, default=True
        Whether an estimator trained by `partial_fit` keeps what another call goes on
        from: the optimizer, which takes up to twice as much room as the weights, and
        the generators. False is for files that only predict. After `fit` there is
        nothing to keep.
    trusted : sequence of str, default=()
        Names of types that skops does not trust by itself, such as "my.Scaler".

    Raises
    ------
    PersistenceError
        If something in the estimator cannot be held without pickle: functions,
        callbacks, classes that are neither skdeep's nor torch's own. Or if the file
        cannot be written; what was there is unharmed.
    MissingDependencyError
        If skops is needed, and not installed.

    See Also
    --------
    load : Read the file.
    to_onnx : For a server without Python.

    Notes
    -----
    `joblib.dump` saves everything, and its files run whatever code they hold when they
    are loaded.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import MLPClassifier, load, save
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier(max_epochs=20, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(classifier, Path(folder, "iris.skdeep"))
    ...     again = load(Path(folder, "iris.skdeep"))
    >>> (again.predict_proba(X) == classifier.predict_proba(X)).all()
    np.True_
    """
    target = path_text(path, "save")
    if not isinstance(estimator, BaseEstimator):
        of_class = isinstance(estimator, type)
        got = (
            f"the class {estimator.__name__}" if of_class else type(estimator).__name__
        )
        raise PersistenceError(
            f"save takes an estimator of skdeep or a Pipeline. Got {got}."
        )
    if isinstance(estimator, BaseSearchCV):
        raise PersistenceError(
            f"{type(estimator).__name__} cannot be saved without pickle: what a search "
            "has tried is held by foreign objects. Save its best_estimator_, or use "
            "joblib, whose files run code."
        )
    rules = estimator_rules(keep_optimizer=keep_optimizer, trusted=trusted)
    encoder = Encoder(type(estimator).__name__, rules)
    payload = describe("estimator", encoder.node(estimator, ""))
    write_packed(target, payload, encoder.arrays)


def load(
    path: str | os.PathLike[str],
    device: DeviceSpec = "auto",
    *,
    trusted: Sequence[str] = (),
) -> Any:
    """Load what `save` has saved, or a `Checkpoint`; no code in the file is run.

    Parameters
    ----------
    path : str or path
        Of the file.
    device : str or torch.device, default="auto"
        Where networks are to be. "auto" is where they were trained, or the CPU with a
        warning where this process does not see that device.
    trusted : sequence of str, default=()
        Names of types that skops does not trust by itself, such as "my.Scaler": their
        modules are imported, and their code is run.

    Returns
    -------
    estimator : estimator instance
        Predicts what the one that was saved did, to the last bit on the same machine.
        Of a checkpoint it is what training would have ended with at that epoch.

    Raises
    ------
    PersistenceError
        If there is no such file, it is damaged or cut off, was written by a later
        version, or names a class that is not skdeep's.
    DeviceNotAvailableError
        If the device asked for is not there.
    MissingDependencyError
        If skops is needed, and not installed.

    Warns
    -----
    DeviceWarning
        If a network was trained on a device that is not there.
    InconsistentVersionWarning
        If steps of scikit-learn were saved by another version of it.

    See Also
    --------
    save : Write the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skdeep import MLPRegressor, load, save
    >>> X = np.linspace(0, 1, 50).reshape(-1, 1)
    >>> regressor = MLPRegressor(max_epochs=5, random_state=0).fit(X, X.ravel())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(regressor, Path(folder, "line.skdeep"))
    ...     load(Path(folder, "line.skdeep"), device="cpu").n_iter_
    5
    """
    name = path_text(path, "load")
    payload, arrays = unpack(read_bytes(Path(name)), name)
    with whatever_it_holds(name):
        with plain_torch(training=True):
            estimator = read_payload(payload, arrays, name, trusted)
        if not isinstance(estimator, BaseEstimator):
            raise PersistenceError(f"The file {name} holds no estimator.")
        for part in estimators_in(estimator):
            rehearse(part)
        place(estimator, device)
    return estimator


@contextmanager
def whatever_it_holds(name: str) -> Iterator[None]:
    """Turn what a file makes code raise that was not written for it into an error.

    Parameters
    ----------
    name : str
        Of the file.

    Yields
    ------
    None
        The block that reads it.
    """
    try:
        yield
    except (PersistenceError, DeviceNotAvailableError, MissingDependencyError):
        raise
    # There is no list of what forged values make the code of a class raise.
    except Exception as error:
        raise PersistenceError(
            f"The file {name} does not hold what it should: {in_a_line(error)}. Take "
            "another copy."
        ) from error


def describe(kind: str, content: Any) -> dict[str, Any]:
    """Return what a file says of itself, before its content.

    Parameters
    ----------
    kind : {"estimator", "checkpoint"}
        What the content is.
    content : object
        As JSON can say it.

    Returns
    -------
    payload : dict
        For `pack`.
    """
    versions = current_versions()
    return {"format": FORMAT, "kind": kind, "versions": versions, "content": content}


def read_payload(
    payload: Mapping[str, Any],
    arrays: Mapping[str, Array],
    name: str,
    trusted: Sequence[str],
) -> Any:
    """Return what a file holds, by the reader of its format.

    Parameters
    ----------
    payload, arrays : mapping
        From `unpack`.
    name : str
        Of the file, for errors.
    trusted : sequence of str
        For skops.

    Returns
    -------
    content : object
        On the CPU.

    Raises
    ------
    PersistenceError
        If no reader knows the format.
    """
    written = payload.get("format")
    reader = _READERS.get(written) if type(written) is int else None
    if reader is None:
        raise PersistenceError(
            f"The file {name} is of format {written!r:.60}, and this version of skdeep "
            f"reads {', '.join(map(str, _READERS))}. Update skdeep."
        )
    return reader(payload, arrays, trusted)


def _read_1(
    payload: Mapping[str, Any], arrays: Mapping[str, Array], trusted: Sequence[str]
) -> Any:
    content, kind = payload["content"], payload["kind"]
    decoder = Decoder(arrays, estimator_readers(trusted))
    _warn_of_versions(payload["versions"], content)
    if kind == "estimator":
        return decoder.value(content)
    if kind == "training":
        return decoder.value(content["training"])
    if content["estimator"] is None:
        raise PersistenceError(
            f"The checkpoint holds a training, but no estimator. {content['why']} "
            "Pass it to fit."
        )
    return decoder.value(content["estimator"])


# By format: older ones stay, so that old files can be read.
_READERS: dict[int, Callable[..., Any]] = {1: _read_1}


def _warn_of_versions(versions: Mapping[str, str], content: Any) -> None:
    before = versions["scikit-learn"]
    if before != sklearn.__version__ and '"skops"' in repr(content).replace("'", '"'):
        warnings.warn(
            f"Steps of this Pipeline were saved by scikit-learn {before} and are read "
            f"by {sklearn.__version__}, which may fail or give other results. Fit it "
            "again with this version.",
            InconsistentVersionWarning,
            stacklevel=2,
        )


def place(value: Any, device: DeviceSpec) -> None:
    """Move the networks in a loaded estimator to where they are to be.

    Parameters
    ----------
    value : estimator instance
        An estimator of skdeep, or a Pipeline.
    device : str or torch.device
        See `load`.
    """
    found: dict[str, Any] = {}
    for estimator in estimators_in(value):
        before = vars(estimator).get("device_")
        if before is None:
            continue
        if device != "auto":
            estimator.to(device)
            continue
        if before not in found:
            found[before] = device_or_cpu(before, type(estimator).__name__)
        estimator.to(found[before])
