"""What a fitted estimator tells of its training, and how it is stored."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import sklearn
import torch
from sklearn.base import BaseEstimator

from skdeep import __version__
from skdeep._compat import CALLBACK_ATTRIBUTES, check_is_fitted, visual_block
from skdeep._devices import resolve_device
from skdeep.base._digest import hash_by_value
from skdeep.base._rebuilding import rebuilt
from skdeep.exceptions import InconsistentVersionWarning
from skdeep.training import LeanNet, join_columns, with_clock, without_clock

if TYPE_CHECKING:
    from skdeep._typing import Array, DeviceSpec
    from skdeep.base._network import Network


class VersionStamp(BaseEstimator):
    """Pickles with the versions that wrote it, and warns where others read it.

    `joblib.hash` gives equal estimators equal hashes, whatever time they took.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let joblib know the class."""
        super().__init_subclass__(**kwargs)
        hash_by_value(cls)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the versions."""
        state: dict[str, Any] = dict(super().__getstate__())
        state["_versions"] = current_versions()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state; warn where other versions wrote it."""
        state = dict(state)
        written_by = state.pop("_versions", {})
        now = current_versions()
        other = [name for name in now if written_by.get(name) != now[name]]
        if other:
            before = ", ".join(f"{name} {written_by.get(name)}" for name in other)
            after = ", ".join(f"{name} {now[name]}" for name in other)
            warnings.warn(
                f"This {type(self).__name__} was pickled by {before} and is read by "
                f"{after}, which may fail or give other results. Fit it again with "
                "this version.",
                InconsistentVersionWarning,
                stacklevel=2,
            )
        super().__setstate__(state)


def current_versions() -> dict[str, str]:
    """Return the versions that a fitted state depends on."""
    return {
        "skdeep": __version__,
        # Without what was built for which device.
        "torch": str(torch.__version__).partition("+")[0],
        "scikit-learn": sklearn.__version__,
    }


def fitted_attributes(estimator: BaseEstimator) -> dict[str, Any]:
    """Return all attributes of an estimator that are no parameters, nor callbacks."""
    others = {*estimator.get_params(deep=False), *CALLBACK_ATTRIBUTES}
    return {n: value for n, value in vars(estimator).items() if n not in others}


class FittedAttributes(VersionStamp):
    """Attributes that follow from the history of a training, and ways to store all."""

    history_: dict[str, Array]
    net_: Any
    module_: torch.nn.Module
    device_: str
    _state: Any

    if TYPE_CHECKING:

        def _network(self) -> Network: ...

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

    def to(self, device: DeviceSpec) -> Self:
        """Move the fitted network to a device.

        Where the next fit trains is up to the parameter `device`.

        Parameters
        ----------
        device : str or torch.device
            "cpu", "cuda", "cuda:1", "mps", or "auto" for the fastest there is.

        Returns
        -------
        self : object
            The estimator, which predicts there from now on.
        """
        check_is_fitted(self)
        self.net_.move_to(resolve_device(device))
        self.device_ = str(self.net_.device)
        return self

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
        """Return the state with the network once, stamped with the versions."""
        state = super().__getstate__()
        # The net holds the module, and the history of the last call.
        state.pop("module_", None)
        if "net_" in state:
            n_last = len(self.net_.history)
            before = {
                name: column[: max(0, len(column) - n_last)]
                for name, column in self.history_.items()
            }
            state["history_"] = without_clock(before)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state; warn where other versions wrote it."""
        super().__setstate__(state)
        if "net_" in state:
            before = with_clock(self.history_)
            self.history_ = join_columns(before, self.net_.columns())
            self.module_ = self.net_.module_
            self.device_ = str(self.net_.device)

    def __skdeep_state__(self) -> dict[str, Any]:
        """Return what a fit left, for a file that holds no pickle."""
        state = fitted_attributes(self)
        net = state.pop("net_", None)
        if net is None:
            return state
        module: torch.nn.Module = state.pop("module_")
        state["network"] = {
            "weights": dict(module.state_dict()),
            "frozen": [
                name
                for name, parameter in module.named_parameters()
                if not parameter.requires_grad
            ],
            "described": self._network().describe(module),
            "net": net.parts(),
        }
        return state

    def __skdeep_restore__(self, state: dict[str, Any]) -> None:
        """Take it back; the network is on the CPU until it is moved."""
        state = dict(state)
        network = state.pop("network", None)
        self.__dict__.update(state)
        if network is None:
            return
        weights, frozen = network["weights"], set(network["frozen"])
        described = network["described"]
        n_features = state.get("n_features_in_")

        def build() -> torch.nn.Module:
            fitted = (self._state, n_features)
            return self._network().rebuild(described, weights, *fitted)

        module = rebuilt(build, weights)
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(name not in frozen)
        self.net_ = LeanNet.from_parts(module, network["net"])
        self.module_ = self.net_.module_
