"""Errors and warnings that skdeep raises itself.

::

    Exception
    └── SkdeepError
        ├── DeviceNotAvailableError     also a ValueError
        ├── DivergenceError             also an ArithmeticError
        ├── MissingDependencyError      also an ImportError
        ├── NetworkError                also a RuntimeError
        ├── PersistenceError            also a ValueError
        ├── ScoringError                also a ValueError
        ├── StudyError                  also a RuntimeError
        └── WeightsError                also a RuntimeError
    UserWarning
    └── SkdeepWarning
        ├── DeviceWarning
        ├── InconsistentVersionWarning
        └── LicenseWarning

A wrong parameter or wrong data is scikit-learn's affair: it raises its own ValueError
or TypeError, with its own sentence.
"""

from __future__ import annotations

import math
from typing import Any

__all__ = [
    "DeviceNotAvailableError",
    "DeviceWarning",
    "DivergenceError",
    "InconsistentVersionWarning",
    "LicenseWarning",
    "MissingDependencyError",
    "NetworkError",
    "PersistenceError",
    "ScoringError",
    "SkdeepError",
    "SkdeepWarning",
    "StudyError",
    "WeightsError",
]


class SkdeepError(Exception):
    """Base of all errors of skdeep.

    See Also
    --------
    SkdeepWarning : Base of all warnings.

    Examples
    --------
    >>> from skdeep.exceptions import DivergenceError, SkdeepError
    >>> issubclass(DivergenceError, SkdeepError)
    True
    """


class DeviceNotAvailableError(SkdeepError, ValueError):
    """Raised where a device is asked for that this process does not see.

    See Also
    --------
    DeviceWarning : Where skdeep can go on with another device.

    Examples
    --------
    >>> from skdeep.exceptions import DeviceNotAvailableError
    >>> str(DeviceNotAvailableError("device='cuda:7' was asked for."))
    "device='cuda:7' was asked for."
    """


class DivergenceError(SkdeepError, ArithmeticError):
    """Raised where the loss is no finite number any more, or has exploded.

    Parameters
    ----------
    estimator : str
        Class name of the estimator being fitted.
    epoch : int
        The epoch in which it happened, counted from 1.
    batch : int or None, default=None
        The batch of that epoch, counted from 1; None where the loss is looked at once
        an epoch only.
    learning_rate : float or None, default=None
        The learning rate of that step; None where there is none.
    loss : float, default=nan
        The loss that was got.
    validation : bool, default=False
        Whether it is the loss on the validation rows.

    Attributes
    ----------
    estimator : str
        As passed to the constructor.
    epoch : int
        As passed to the constructor.
    batch : int or None
        As passed to the constructor.
    learning_rate : float or None
        As passed to the constructor.
    loss : float
        As passed to the constructor.
    validation : bool
        As passed to the constructor.

    See Also
    --------
    NetworkError : Where the network itself raises.

    Examples
    --------
    >>> from skdeep.exceptions import DivergenceError
    >>> error = DivergenceError("MLPClassifier", epoch=3, learning_rate=10.0)
    >>> error.epoch
    3
    """

    def __init__(
        self,
        estimator: str,
        epoch: int,
        batch: int | None = None,
        learning_rate: float | None = None,
        loss: float = math.nan,
        validation: bool = False,
    ) -> None:
        # Every argument goes to `args`, which is what pickle rebuilds an error from.
        super().__init__(estimator, epoch, batch, learning_rate, loss, validation)
        self.estimator = estimator
        self.epoch = epoch
        self.batch = batch
        self.learning_rate = learning_rate
        self.loss = loss
        self.validation = validation

    def __str__(self) -> str:
        """Return the sentence of the error."""
        if self.validation:
            return (
                f"The validation loss of {self.estimator} is {self.loss:g} in epoch "
                f"{self.epoch}, where the training loss is finite. Look for very large "
                "numbers in the validation rows, and clip them."
            )
        where = f"epoch {self.epoch}"
        if self.batch is not None:
            where += f", batch {self.batch}"
        if self.learning_rate is not None:
            where += f" (learning rate {self.learning_rate:g})"
        return (
            f"The loss of {self.estimator} diverged to {self.loss:g} in {where}. Lower "
            "learning_rate, set max_grad_norm, or scale X and y."
        )


class MissingDependencyError(SkdeepError, ImportError):
    """Raised where an optional dependency is needed and not installed.

    See Also
    --------
    SkdeepError : Base of all errors.

    Examples
    --------
    >>> from skdeep.exceptions import MissingDependencyError
    >>> issubclass(MissingDependencyError, ImportError)
    True
    """


class NetworkError(SkdeepError, RuntimeError):
    """Raised where the network or its loss raises while it trains.

    The error of the network itself is the `__cause__`.

    Parameters
    ----------
    estimator : str
        Class name of the estimator being fitted.
    reason : str
        What the network said.
    epoch : int or None, default=None
        The epoch in which it happened, counted from 1.
    batch : int or None, default=None
        The batch of that epoch, counted from 1.
    shapes : dict of str to tuple of int or None, default=None
        Shape of each tensor of the batch, by name.
    device : str or None, default=None
        Where the network trained.

    Attributes
    ----------
    estimator : str
        As passed to the constructor.
    reason : str
        As passed to the constructor.
    epoch : int or None
        As passed to the constructor.
    batch : int or None
        As passed to the constructor.
    shapes : dict
        As passed to the constructor; empty where nothing was passed.
    device : str or None
        As passed to the constructor.

    See Also
    --------
    DivergenceError : Where the network runs, but its loss is not finite.

    Examples
    --------
    >>> from skdeep.exceptions import NetworkError
    >>> error = NetworkError(
    ...     "MLPClassifier",
    ...     "shapes do not match",
    ...     epoch=1,
    ...     batch=2,
    ...     shapes={"X": (32, 4)},
    ...     device="cpu",
    ... )
    >>> print(error)  # doctest: +NORMALIZE_WHITESPACE
    The network of MLPClassifier failed in epoch 1, batch 2, X of shape (32, 4), on
    cpu: shapes do not match
    """

    def __init__(
        self,
        estimator: str,
        reason: str,
        epoch: int | None = None,
        batch: int | None = None,
        shapes: dict[str, tuple[int, ...]] | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__(estimator, reason, epoch, batch, shapes, device)
        self.estimator = estimator
        self.reason = reason
        self.epoch = epoch
        self.batch = batch
        self.shapes = dict(shapes or {})
        self.device = device

    @property
    def place(self) -> str:
        """Where it happened, in words; empty where nothing is known of that."""
        where: list[Any] = []
        if self.epoch is not None:
            where.append(f"epoch {self.epoch}")
        if self.batch is not None:
            where.append(f"batch {self.batch}")
        where.extend(f"{name} of shape {shape}" for name, shape in self.shapes.items())
        if self.device is not None:
            where.append(f"on {self.device}")
        return f"in {', '.join(where)}" if where else ""

    def __str__(self) -> str:
        """Return the sentence of the error."""
        place = f" {self.place}" if self.place else ""
        return f"The network of {self.estimator} failed{place}: {self.reason}"


class StudyError(SkdeepError, RuntimeError):
    """Raised where the study of a search cannot be opened, or is another one.

    See Also
    --------
    SkdeepError : Base of all errors.

    Examples
    --------
    >>> from skdeep.exceptions import SkdeepError, StudyError
    >>> issubclass(StudyError, SkdeepError)
    True
    """


class PersistenceError(SkdeepError, ValueError):
    """Raised where an estimator cannot be saved, or a file not be read.

    See Also
    --------
    InconsistentVersionWarning : Where it can, but another version wrote it.

    Examples
    --------
    >>> from skdeep.exceptions import PersistenceError, SkdeepError
    >>> issubclass(PersistenceError, SkdeepError)
    True
    """


class ScoringError(SkdeepError, ValueError):
    """Raised where `scoring` raises on the validation rows.

    What it raised itself is the `__cause__`.

    See Also
    --------
    SkdeepError : Base of all errors.

    Examples
    --------
    >>> from skdeep.exceptions import ScoringError, SkdeepError
    >>> issubclass(ScoringError, SkdeepError)
    True
    """


class WeightsError(SkdeepError, RuntimeError):
    """Raised where a file of pretrained weights is missing, damaged or of another net.

    See Also
    --------
    LicenseWarning : Where the weights are there, but not free for every use.

    Examples
    --------
    >>> from skdeep.exceptions import SkdeepError, WeightsError
    >>> issubclass(WeightsError, SkdeepError)
    True
    """


class SkdeepWarning(UserWarning):
    """Base of all warnings of skdeep.

    See Also
    --------
    SkdeepError : Base of all errors.

    Examples
    --------
    >>> import warnings
    >>> from skdeep.exceptions import SkdeepWarning
    >>> warnings.simplefilter("ignore", SkdeepWarning)
    """


class DeviceWarning(SkdeepWarning):
    """Warned where skdeep goes on with another device than the one a file names.

    See Also
    --------
    DeviceNotAvailableError : Where the user asked for the device.

    Examples
    --------
    >>> from skdeep.exceptions import DeviceWarning, SkdeepWarning
    >>> issubclass(DeviceWarning, SkdeepWarning)
    True
    """


class InconsistentVersionWarning(SkdeepWarning):
    """Warned where an estimator was saved by another version of skdeep.

    See Also
    --------
    DeviceWarning : Where it was saved on another device.

    Examples
    --------
    >>> from skdeep.exceptions import InconsistentVersionWarning, SkdeepWarning
    >>> issubclass(InconsistentVersionWarning, SkdeepWarning)
    True
    """


class LicenseWarning(SkdeepWarning):
    """Warned where pretrained weights may not be used commercially.

    See Also
    --------
    WeightsError : Where the weights cannot be used at all.

    Examples
    --------
    >>> from skdeep.exceptions import LicenseWarning, SkdeepWarning
    >>> issubclass(LicenseWarning, SkdeepWarning)
    True
    """
