"""What a fitted estimator tells of its training, and how it pickles."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from skdeep import __version__
from skdeep._compat import visual_block
from skdeep.exceptions import InconsistentVersionWarning
from skdeep.training import join_columns

if TYPE_CHECKING:
    import torch

    from skdeep._typing import Array


class FittedAttributes(BaseEstimator):
    """Attributes that follow from the history of a training."""

    history_: dict[str, Array]
    net_: Any
    module_: torch.nn.Module
    device_: str

    def _column(self, attribute: str, column: str) -> list[float] | None:
        if "history_" not in vars(self):
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {attribute!r} "
                "before it is fitted"
            )
        values = self.history_.get(column)
        return None if values is None else [float(value) for value in values]

    @property
    def loss_curve_(self) -> list[float]:
        """Training loss of every epoch, penalties included."""
        return self._column("loss_curve_", "train_loss") or []

    @property
    def validation_loss_curve_(self) -> list[float] | None:
        """Validation loss of every epoch; None without validation rows."""
        return self._column("validation_loss_curve_", "valid_loss")

    @property
    def validation_scores_(self) -> list[float] | None:
        """Validation score of every epoch; None unless `scoring` names one."""
        return self._column("validation_scores_", "valid_score")

    @property
    def loss_(self) -> float:
        """Training loss of the last epoch."""
        curve = self._column("loss_", "train_loss")
        return curve[-1] if curve else float("nan")

    @property
    def best_loss_(self) -> float:
        """Smallest loss of an epoch: on the validation rows where there are any."""
        curve = self._column("best_loss_", "valid_loss")
        return float(np.nanmin(curve if curve is not None else self.loss_curve_))

    def _sk_visual_block_(self) -> Any:
        """Return what scikit-learn's diagrams show, the state of a fit included."""
        return visual_block(self, self._state_in_words())

    def _state_in_words(self) -> str | None:
        """Return how the training went, in a line; None before it."""
        if "history_" not in vars(self) or not len(self.history_["epoch"]):
            return None
        n_epochs, watched = len(self.history_["epoch"]), "training"
        if self.validation_loss_curve_ is not None:
            watched = "validation"
        plural = "s" if n_epochs > 1 else ""
        return (
            f"{n_epochs} epoch{plural}, best {watched} loss {self.best_loss_:.4g}, "
            f"on {self.device_}"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the network once, stamped with the version."""
        state: dict[str, Any] = dict(super().__getstate__())
        # The net holds the module, and the history of the last call.
        state.pop("module_", None)
        if "net_" in state:
            n_last = len(self.net_.history)
            state["history_"] = {
                name: column[: max(0, len(column) - n_last)]
                for name, column in self.history_.items()
            }
        state["_skdeep_version"] = __version__
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state; warn where another version wrote it."""
        state = dict(state)
        written_by = state.pop("_skdeep_version", None)
        if written_by != __version__:
            warnings.warn(
                f"This {type(self).__name__} was pickled by skdeep {written_by} and is "
                f"read by {__version__}, which may fail or give other results. Fit it "
                "again with this version.",
                InconsistentVersionWarning,
                stacklevel=2,
            )
        super().__setstate__(state)
        if "net_" in state:
            self.history_ = join_columns(self.history_, self.net_.columns())
            self.module_ = self.net_.module_
            self.device_ = str(self.net_.device)
