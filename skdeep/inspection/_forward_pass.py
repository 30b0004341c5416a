"""What happens between a row and its prediction, one array after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch

from skdeep.base import FittedView
from skdeep.inspection._parts import parts_of
from skdeep.inspection._table import Table
from skdeep.inspection._tracing import trace

if TYPE_CHECKING:
    from skdeep._typing import Array, MatrixLike

_HEAD = ("step", "what", "shape", "smallest", "largest")


@dataclass(frozen=True)
class ForwardStep:
    """One step of a forward pass.

    Attributes
    ----------
    name : str
        As in "hidden layer 1: activations".
    kind : str
        What made it, as in "ReLU" or "Linear(4, 8)".
    values : ndarray of shape (n_samples, ...)
        What came out; a csr_array where nearly all of it is 0.
    """

    name: str
    kind: str
    values: Array


class ForwardPass(Mapping[str, "Array"]):
    """The steps from inputs to a prediction, see `forward_pass`.

    A mapping from the name of each step to its numbers, in their order, and a table
    when it is printed.

    Parameters
    ----------
    estimator : str
        Name of the estimator.
    steps : list of ForwardStep
        In their order.
    """

    def __init__(self, estimator: str, steps: list[ForwardStep]) -> None:
        self.estimator = estimator
        self.steps = tuple(steps)
        self._values = {step.name: step.values for step in steps}

    def __getitem__(self, name: str) -> Array:
        """Return the numbers of a step.

        Parameters
        ----------
        name : str
            Of the step.

        Returns
        -------
        values : ndarray of shape (n_samples, ...)

        Raises
        ------
        KeyError
            If there is no such step; the error lists them.
        """
        try:
            return self._values[name]
        except KeyError as error:
            raise KeyError(
                f"{self.estimator} has no step {name!r}. Its steps are {list(self)}."
            ) from error

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the steps in order."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self._values)

    def _table(self) -> Table:
        rows = [_cells(step) for step in self.steps]
        return Table(self.estimator, _HEAD, rows, (2, 3, 4))

    def __str__(self) -> str:
        """Return a table of the steps."""
        return self._table().as_text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        return self._table().as_html()


def forward_pass(estimator: Any, X: MatrixLike) -> ForwardPass:
    """Compute a prediction step by step, and keep every step.

    Inputs, scaled inputs, the weighted sums and activations of every layer, outputs,
    probabilities and the prediction: the arrays that lead to ``predict_proba(X)`` and
    ``predict(X)``, and end with them.

    Parameters
    ----------
    estimator : estimator instance
        A fitted estimator of skdeep, or a Pipeline that ends in one, or a search that
        found one.
    X : {array-like, sparse matrix} of n_samples rows
        What `predict` takes. All rows go through the network at once and every step is
        kept: give the few that are to be looked at.

    Returns
    -------
    steps : ForwardPass
        A mapping from names of steps to arrays of shape (n_samples, ...), which prints
        as a table; its `steps` know their kind as well. Members of an
        ensemble are an axis after that of the rows; further views of an image, asked
        for by `tta`, are further rows, view by view.

    Raises
    ------
    TypeError
        If there is no estimator of skdeep.
    NotFittedError
        If it has not been fitted.

    See Also
    --------
    ForwardPassDisplay : The steps of one row as a picture.
    summary : The layers without any rows.

    Notes
    -----
    Estimators with a frozen backbone predict from features that a fused copy of it has
    found: there the last steps agree with `predict_proba` up to rounding.

    The n-grams of texts are one sparse array. Texts that convolutions read are filled
    up to the longest, which the largest responses leave out.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import MLPClassifier, forward_pass
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((8,), max_epochs=5, random_state=0).fit(X, y)
    >>> steps = forward_pass(classifier, X[:2])
    >>> for name, values in steps.items():
    ...     print(name, values.shape)
    inputs (2, 4)
    scaled inputs (2, 4)
    hidden layer 1: weighted sums (2, 8)
    hidden layer 1: activations (2, 8)
    output layer: weighted sums (2, 3)
    probabilities (2, 3)
    prediction (2,)
    >>> np.allclose(steps["probabilities"], classifier.predict_proba(X[:2]))
    True
    """
    view = FittedView(estimator, "forward_pass")
    table = view.read(X)
    steps = [_inputs(view, table, X)]
    parts = [p for p in parts_of(view.module) if p.role != "dropped out"]
    with view.running(table.shape[0]):
        encoded = view.inputs(table)
        outputs, raw = trace(view.module, parts, encoded)
        if view.sees_texts:
            steps.append(_grams(view.grams(table)))
        elif view.scales_inputs:
            kind = "as the network takes them"
            steps.append(ForwardStep("scaled inputs", kind, _array(encoded)))
        steps += [
            ForwardStep(part.name, part.kind, _array(output))
            for part, output in zip(parts, outputs, strict=True)
            if output is not None
        ]
        steps += _conclusion(view, raw)
    return ForwardPass(view.name, steps)


def _inputs(view: FittedView, table: Any, X: MatrixLike) -> ForwardStep:
    if view.sees_images:
        return ForwardStep("inputs", "pixels in [0, 1]", _array(view.pixels(table)))
    if view.sees_texts:
        return ForwardStep("inputs", "texts", table.texts.copy())
    if isinstance(table, np.ndarray):
        return ForwardStep("inputs", "as they came", np.array(table))
    if sp.issparse(table):
        return ForwardStep("inputs", "as they came", table.toarray())
    return ForwardStep("inputs", "as they came", np.asarray(view.transform(X)))


def _grams(found: Any) -> ForwardStep:
    if sp.issparse(found):
        return ForwardStep("n-grams", "weights", found)
    kind = "known words" if found.dtype == object else "by number, 0 for none"
    return ForwardStep("words", kind, found)


def _conclusion(view: FittedView, raw: torch.Tensor) -> list[ForwardStep]:
    pooled = view.pooled(raw)
    steps = []
    if not torch.equal(pooled, raw):
        steps.append(ForwardStep("combined outputs", "taken together", _array(pooled)))
    linked = view.linked(pooled)
    if view.is_classifier:
        link = "softmax" if view.loss_kind == "multiclass" else "sigmoid"
        steps.append(ForwardStep("probabilities", link, _array(linked)))
    elif not torch.equal(linked, pooled):
        name, kind = "linked outputs", "inverse link of the loss"
        if linked.shape != pooled.shape:
            name, kind = "combined outputs", "mean over members"
        steps.append(ForwardStep(name, kind, _array(linked)))
    kind = "most probable class" if view.is_classifier else "in units of the target"
    predicted = view.decoded(pooled, linked)
    steps.append(ForwardStep("prediction", kind, predicted))
    return steps


def _array(tensor: torch.Tensor) -> Array:
    values: Array = tensor.detach().cpu().numpy()
    return values


def _cells(step: ForwardStep) -> tuple[str, ...]:
    values = step.values
    if not sp.issparse(values) and values.dtype.kind in "fiu" and values.size:
        ends = (f"{values.min():.4g}", f"{values.max():.4g}")
    else:
        ends = ("", "")
    return (step.name, step.kind, " x ".join(map(str, values.shape)), *ends)
