"""Which worker trains on which device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def device_slots(
    device: str | Sequence[str] | None, present: Sequence[str], slots_per_device: int
) -> list[str]:
    """Return a device for each worker that may run at a time.

    Parameters
    ----------
    device : str, sequence of str or None
        "cuda:auto" are all CUDA devices that are present. None leaves the estimator's
        own choice.
    present : sequence of str
        The devices of this process, such as "cuda:0" and "cpu".
    slots_per_device : int
        How many workers a device takes at a time.

    Returns
    -------
    slots : list of str
        Round robin, so that fewer workers than slots spread over all devices; empty
        where workers are not told.

    Raises
    ------
    ValueError
        If there is no such device.

    Examples
    --------
    >>> from skdeep.model_selection._slots import device_slots
    >>> device_slots("cuda:auto", ["cuda:0", "cuda:1", "cpu"], 2)
    ['cuda:0', 'cuda:1', 'cuda:0', 'cuda:1']
    """
    if device is None:
        return []
    if device == "cuda:auto":
        devices = [name for name in present if name.startswith("cuda:")]
    else:
        devices = [device] if isinstance(device, str) else list(device)
    absent = [name for name in devices if name not in present]
    if absent or not devices:
        raise ValueError(
            f"The 'device' parameter of OptunaSearchCV asks for {device!r}, but this "
            f"process sees: {', '.join(present)}. Name devices that are there, or "
            "leave it None."
        )
    return devices * slots_per_device


def put_on_device(estimator: Any, device: str | None) -> Any:
    """Set the device of every estimator inside that has such a parameter.

    Parameters
    ----------
    estimator : estimator object
        It may be a Pipeline.
    device : str or None
        None changes nothing.

    Returns
    -------
    estimator : estimator object
        The same.
    """
    if device is not None:
        names = [
            name
            for name in estimator.get_params(deep=True)
            if name.rpartition("__")[2] == "device"
        ]
        estimator.set_params(**dict.fromkeys(names, device))
    return estimator
