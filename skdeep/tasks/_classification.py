"""Classification: one class a row, or any number of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from skdeep.data import ClassTarget, class_weights
from skdeep.losses import logits_to_proba, make_classification_loss
from skdeep.tasks._calibration import fit_temperature
from skdeep.tasks._task import RowFactors, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

    from skdeep._typing import Array


class Classification(Task):
    """Labels in, logits out.

    Parameters
    ----------
    owner : str
        Name of the estimator, for errors.
    loss, label_smoothing, focal_gamma, class_weight, calibration
        Parameters of the estimator.
    """

    checks: ClassVar[Mapping[str, bool]] = {"multi_output": True}
    labels = True
    target: ClassTarget

    def __init__(
        self,
        owner: str,
        *,
        loss: Any = "cross_entropy",
        label_smoothing: float = 0.0,
        focal_gamma: float = 2.0,
        class_weight: Any = None,
        calibration: str | None = None,
    ) -> None:
        super().__init__(owner)
        self.name = loss
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma
        self.class_weight = class_weight
        self.calibration = calibration
        self.third_party = not isinstance(loss, str)

    def find(
        self, y: Any, *, before: Any, partial: bool = False, classes: Any = None
    ) -> None:
        """Find out which labels there are.

        Raises
        ------
        ValueError
            If they are not those of the fit to go on with, or not `classes`.
        """
        if before is not None:
            self.target = before
            self._check_same_labels(y, partial=partial)
        elif partial and classes is not None and y.ndim == 1:
            self.target = ClassTarget.from_list(classes, self.owner)
        else:
            self.target = ClassTarget.from_labels(y, self.owner)
        known = self.target.classes
        if classes is not None and not np.array_equal(np.unique(classes), known):
            raise ValueError(
                f"{self.owner}.partial_fit takes the same classes at every call. Got "
                f"{np.unique(classes).tolist()} where {known.tolist()} are known."
            )

    def _check_same_labels(self, y: Any, *, partial: bool) -> None:
        known = self.target.classes
        if partial or self.target.kind == "multilabel":
            return
        now = ClassTarget.from_labels(y, self.owner).classes
        if not np.array_equal(now, known):
            raise ValueError(
                f"{self.owner} with warm_start=True goes on with the classes it knows, "
                f"{known.tolist()}. Got y with {now.tolist()}. Set warm_start=False."
            )

    def codes(self, y: Any, *, validation: bool = False) -> Array:
        """Return the class index of every row, or the indicator as integers."""
        return self.target.codes(y, self.owner, validation=validation)

    def factors(
        self, codes: Array, weight: Array | None, *, partial: bool
    ) -> RowFactors | None:
        """Return the weight of each row's class.

        Raises
        ------
        ValueError
            If rows have several labels, or classes that were not seen yet are to be
            balanced.
        """
        if self.class_weight is None:
            return None
        if self.target.kind == "multilabel":
            raise ValueError(
                f"The 'class_weight' parameter of {self.owner} needs one class a row. "
                "Got a multilabel y. Use sample_weight."
            )
        if partial and isinstance(self.class_weight, str):
            raise ValueError(
                f"{self.owner}.partial_fit cannot balance classes it has not seen. Got "
                "class_weight='balanced'. Pass a dict of weights."
            )
        per_class = class_weights(
            self.class_weight, self.target.classes, codes, weight, self.owner
        )
        return lambda rows: per_class[rows]

    def tensor(self, codes: Array, dtype: torch.dtype) -> torch.Tensor:
        """Return class indices, or columns of 0 and 1."""
        return self.target.encode(codes, dtype)

    def loss(self) -> torch.nn.Module:
        """Return the loss on logits."""
        single = self.target.kind == "single"
        return make_classification_loss(
            "cross_entropy" if single else self.name,
            kind=self.target.loss_kind,
            label_smoothing=self.label_smoothing,
            focal_gamma=self.focal_gamma,
        )

    def link(self, output: torch.Tensor) -> torch.Tensor:
        """Return probabilities."""
        return logits_to_proba(output, self.target.loss_kind)

    def predictions(self, output: torch.Tensor, dtype: np.dtype[Any]) -> Any:
        """Return the labels that logits favour."""
        return self.target.decode(output.cpu().numpy())

    def probabilities(self, output: torch.Tensor, dtype: np.dtype[Any]) -> Array:
        """Return the probability of every class."""
        proba: Array = self.link(output).cpu().numpy()
        return proba.astype(dtype, copy=False)

    def temperature(self, outputs: Callable[[Any], torch.Tensor], valid: Any) -> float:
        """Return the temperature with the smallest log-loss, if one is asked for."""
        if self.calibration is None:
            return 1.0
        return fit_temperature(outputs, valid, self.target.loss_kind)

    def attributes(self) -> dict[str, Any]:
        """Return the classes and the number of outputs."""
        return {"classes_": self.target.classes, "n_outputs_": self.target.n_outputs}
