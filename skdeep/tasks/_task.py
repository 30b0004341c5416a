"""What an estimator has to know of its targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from skdeep._typing import Array

# From the codes of rows to what their weights are multiplied by.
RowFactors: TypeAlias = Callable[[Any], "Array"]


class Task(ABC):
    """How targets are read and encoded, their loss, and predictions out of outputs.

    A task is made from the parameters of an estimator, which it does not check, and
    given the `target` that an earlier fit has found out, where there is one. Codes,
    outputs and predictions may have any shape; the core only asks for one a row.

    Parameters
    ----------
    owner : str
        Name of the estimator, for errors.

    Attributes
    ----------
    target : object
        What is known of the targets; a fit stores it. None before `find`.
    checks : mapping of str to bool, or None
        How scikit-learn is to validate targets along with X. None leaves it to
        `validated`.
    labels : bool
        Whether targets are labels, not numbers.
    third_party : bool
        Whether the loss is foreign code, which may draw from torch's generator.
    """

    checks: ClassVar[Mapping[str, bool] | None]
    labels: ClassVar[bool]
    third_party: bool = False
    target: Any = None

    def __init__(self, owner: str) -> None:
        self.owner = owner

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of what the network puts out for a row."""
        return (self.target.n_outputs,)

    @property
    def n_outputs(self) -> int:
        """How many numbers the network puts out for a row."""
        return int(np.prod(self.output_shape))

    def validated(self, y: Any, n_rows: int, name: str) -> Any:
        """Return targets that scikit-learn does not know, one a row.

        Parameters
        ----------
        y : object
            Targets as they were given.
        n_rows : int
            Rows of X.
        name : str
            Of the argument, for errors.
        """
        raise NotImplementedError

    @abstractmethod
    def find(
        self, y: Any, *, before: Any, partial: bool = False, classes: Any = None
    ) -> None:
        """Find out what the targets are, and set `target`.

        Parameters
        ----------
        y : ndarray
            Validated targets of the training rows.
        before : object or None
            The `target` of the fit to go on with.
        partial : bool, default=False
            Whether this is a call of partial_fit.
        classes : array-like or None, default=None
            All labels that will ever come, as partial_fit is told them.
        """

    @abstractmethod
    def codes(self, y: Any, *, validation: bool = False) -> Any:
        """Return validated targets as codes, one a row."""

    def factors(
        self, codes: Any, weight: Array | None, *, partial: bool
    ) -> RowFactors | None:
        """Return what the weights of rows are multiplied by; None where nothing.

        Parameters
        ----------
        codes, weight : ndarray
            Of the training rows.
        partial : bool
            Whether this is a call of partial_fit.
        """
        return None

    def widen(self, codes: Any) -> None:  # noqa: B027 - not all tasks need to
        """Take rows that a fit goes on with into what is known of all rows."""

    def learn(self, codes: Any, weight: Array | None) -> None:  # noqa: B027 - as above
        """Take training rows into the statistics."""

    def strata(self, codes: Any) -> Any:
        """Return the class of every row, or columns of targets, for a hold-out.

        None has rows drawn whatever their targets.
        """
        return codes

    @abstractmethod
    def tensor(self, codes: Any, dtype: torch.dtype) -> Any:
        """Return codes as the loss takes them."""

    @abstractmethod
    def loss(self) -> torch.nn.Module:
        """Return the loss, of outputs, targets and weights."""

    @abstractmethod
    def link(self, output: torch.Tensor) -> torch.Tensor:
        """Return predictions in the network's units from its outputs."""

    @abstractmethod
    def predictions(self, output: torch.Tensor, dtype: np.dtype[Any]) -> Any:
        """Return what `predict` says of a block of rows.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, *output_shape)
            One raw output a row, on any device.
        dtype : dtype
            Of the answer, if that is floating point.

        Returns
        -------
        predictions : ndarray, sparse matrix or list of length n_samples
        """

    def temperature(self, outputs: Callable[[Any], torch.Tensor], valid: Any) -> float:
        """Return what outputs are to be divided by, learnt on validation batches.

        Parameters
        ----------
        outputs : callable
            From the inputs of a batch to one raw output a row.
        valid : Batches
            The validation rows.
        """
        return 1.0

    @abstractmethod
    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes that come from the targets."""

    def answer_dtype(self, inputs: np.dtype[Any], y: Any) -> np.dtype[Any]:
        """Return the dtype of predictions after a fit on inputs of a dtype."""
        return inputs
