"""From "auto", "cpu", "cuda:1" or "mps" to a device that is really there."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import torch

from skdeep.exceptions import DeviceNotAvailableError, DeviceWarning

if TYPE_CHECKING:
    from skdeep._typing import DeviceSpec

# With less to multiply in a forward pass, casting costs more than it saves.
AUTOCAST_WORK = 1e10
# Below, a copy costs less than the memory that a GPU may read from.
PINNED_BYTES = 2**16


def available_devices() -> list[str]:
    """Name the devices this process can train on, fastest first.

    Returns
    -------
    names : list of str
        For example ``["cuda:0", "cpu"]``; the CPU is always last.
    """
    names = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def resolve_device(device: DeviceSpec) -> torch.device:
    """Return the torch device a parameter names, or say what is there instead.

    Parameters
    ----------
    device : str or torch.device
        "auto" takes the first CUDA device, else MPS, else the CPU.

    Returns
    -------
    device : torch.device
        With an index wherever the kind of device has one.

    Raises
    ------
    DeviceNotAvailableError
        If the string names no device or one that this process does not see.
    """
    present = available_devices()
    if isinstance(device, str) and device == "auto":
        return torch.device(present[0])
    listing = ", ".join(present)
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise DeviceNotAvailableError(
            f"device={device!r} names no device. Use device='auto' or one of: "
            f"{listing}."
        ) from error
    if wanted.type == "cuda" and wanted.index is None and torch.cuda.is_available():
        wanted = torch.device("cuda", torch.cuda.current_device())
    name = "cpu" if wanted.type == "cpu" else str(wanted)
    if name.split(":")[0] == "mps":
        name = "mps"
    if name not in present:
        raise DeviceNotAvailableError(
            f"device={str(device)!r} was asked for, but this process sees: {listing}. "
            "Use one of these, or device='auto' to take the fastest."
        )
    return torch.device(name)


def send(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor on a device, perhaps still on its way there.

    A GPU fetches what is pinned in memory by itself, while the CPU goes on.

    Parameters
    ----------
    tensor : torch.Tensor
        Anywhere.
    device : torch.device
        Where it is wanted.

    Returns
    -------
    tensor : torch.Tensor
        The same where it is there already.
    """
    if device.type == "cuda" and tensor.nbytes >= PINNED_BYTES:  # GPU only
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def device_or_cpu(device: str, owner: str) -> torch.device:
    """Return the device that a file names, or the CPU with a warning.

    Parameters
    ----------
    device : str
        Where something was trained.
    owner : str
        Name of the estimator, for the warning.

    Returns
    -------
    device : torch.device
        That this process sees.

    Warns
    -----
    DeviceWarning
        If it does not see the one named.
    """
    if device in available_devices():
        return torch.device(device)
    warnings.warn(
        f"This {owner} was trained on {device}, which this process does not see. It is "
        "on the CPU now: move it elsewhere with its method `to`.",
        DeviceWarning,
        stacklevel=2,
    )
    return torch.device("cpu")


def resolve_precision(
    precision: str, device: torch.device, dtype: torch.dtype, work: float
) -> torch.dtype | None:
    """Return the dtype to autocast to, or None for computing in `dtype` throughout.

    Parameters
    ----------
    precision : {"auto", "full", "bfloat16", "float16"}
        "auto" autocasts float32 on CUDA only, where there is work enough: to bfloat16
        where the device has it, else to float16.
    device : torch.device
        Where the network trains.
    dtype : torch.dtype
        The dtype of the network's parameters.
    work : float
        Multiply-adds of a forward pass over a batch.

    Returns
    -------
    autocast_dtype : torch.dtype or None
        What `torch.autocast` should use.

    Raises
    ------
    ValueError
        If a reduced precision is asked for along with float64.
    DeviceNotAvailableError
        If the reduced precision asked for is not computed natively by `device`: a CPU
        without AVX512-BF16 emulates bfloat16 several times slower than float32.
    """
    if precision == "auto":
        return _auto_precision(device, dtype, work)
    if precision == "full":
        return None
    if dtype == torch.float64:
        raise ValueError(
            f"precision={precision!r} was asked for along with dtype='float64'. Use "
            "dtype='float32', or precision='full'."
        )
    if device.type == "cuda":
        if precision == "float16":
            return torch.float16
        if _cuda_has_bfloat16():
            return torch.bfloat16
    elif precision == "bfloat16" and device.type == "cpu" and _cpu_has_bfloat16():
        return torch.bfloat16
    raise DeviceNotAvailableError(
        f"precision={precision!r} was asked for, but {device} does not compute in it "
        "natively. Use precision='auto' or precision='full'."
    )


@contextmanager
def plain_torch(*, training: bool) -> Iterator[None]:
    """Suspend, for a call, the modes that the caller has switched torch to.

    A fit under `torch.no_grad` has to train, one under `torch.autocast` to be as
    precise as its own parameters say, and a default device or dtype is not the
    estimator's. Each mode is only touched where it is on: another layer of them costs
    time.

    Parameters
    ----------
    training : bool
        Whether gradients are needed, and networks made. Prediction cares about
        autocast alone, and about the device where it makes tensors: `plain_device`.
    """
    with ExitStack() as stack:
        if training and torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(mode=False))
        if training and not torch.is_grad_enabled():
            stack.enter_context(torch.enable_grad())
        if training:
            stack.enter_context(plain_device())
            stack.enter_context(_plain_dtype())
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


@contextmanager
def plain_device() -> Iterator[None]:
    """Make tensors on the CPU for a call, whatever device the caller has as default."""
    # torch 2.6 does not tell get_default_device of a `with torch.device(...)`.
    if torch.empty(0).device.type == "cpu":
        yield
        return
    with torch.device("cpu"):
        yield


class _LentDtype:
    """The caller's default dtype, and how many calls are doing without it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_calls = 0
        self.before = torch.float32


_lent_dtype = _LentDtype()


@contextmanager
def _plain_dtype() -> Iterator[None]:
    """Make networks in float32 for a call, whatever dtype the caller has as default.

    The default is one for all threads: the last call that needs float32 puts it back.
    """
    lent = _lent_dtype
    if torch.get_default_dtype() == torch.float32 and not lent.n_calls:
        yield
        return
    with lent.lock:
        if not lent.n_calls:
            lent.before = torch.get_default_dtype()
            torch.set_default_dtype(torch.float32)
        lent.n_calls += 1
    try:
        yield
    finally:
        with lent.lock:
            lent.n_calls -= 1
            if not lent.n_calls:
                torch.set_default_dtype(lent.before)


def _forget_other_threads() -> None:
    """Let a forked child start without the calls of its parent's other threads."""
    lent = _lent_dtype
    lent.lock = threading.Lock()
    if lent.n_calls:
        lent.n_calls = 0
        torch.set_default_dtype(lent.before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


def _auto_precision(
    device: torch.device, dtype: torch.dtype, work: float
) -> torch.dtype | None:
    if device.type != "cuda" or dtype == torch.float64 or work < AUTOCAST_WORK:
        return None
    return torch.bfloat16 if _cuda_has_bfloat16() else torch.float16


def _cuda_has_bfloat16() -> bool:
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _cpu_has_bfloat16() -> bool:
    flags = torch.backends.cpu.get_cpu_capability()
    return "AVX512" in flags and bool(
        torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001 - no public name
    )
