"""Aliases for the types that stand in many signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

Array: TypeAlias = "npt.NDArray[Any]"
FloatArray: TypeAlias = "npt.NDArray[np.float64]"
MatrixLike: TypeAlias = Any  # what scikit-learn calls {array-like, sparse matrix}
DeviceSpec: TypeAlias = "str | torch.device"
Seed: TypeAlias = "int | np.random.RandomState | np.random.Generator | None"
Activation: TypeAlias = "str | type[torch.nn.Module] | Callable[..., Any]"
TargetKind: TypeAlias = Literal["single", "binary", "multiclass", "multilabel"]

__all__ = [
    "Activation",
    "Array",
    "DeviceSpec",
    "FloatArray",
    "MatrixLike",
    "Seed",
    "TargetKind",
]
