"""What a bug report needs to know about the machine."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import torch

from skdeep import __version__
from skdeep._console import write_line
from skdeep._devices import available_devices

PACKAGES = (
    "scikit-learn",
    "skorch",
    "torch",
    "torchvision",
    "joblib",
    "optuna",
    "safetensors",
    "numpy",
    "scipy",
)
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def show_versions() -> None:
    """Print the versions, devices and threads that a bug report should name.

    See Also
    --------
    sklearn.show_versions : The same for scikit-learn, with its BLAS libraries.

    Examples
    --------
    >>> from skdeep import show_versions
    >>> show_versions()
    System
                  python: 3...
    """
    sections = {
        "System": _system(),
        "Packages": _packages(),
        "Devices": _devices(),
        "Threads": _threads(),
    }
    for title, rows in sections.items():
        write_line(title)
        for name, value in rows.items():
            write_line(f"{name:>20}: {value}")


def _system() -> dict[str, str]:
    return {
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "machine": platform.platform(),
    }


def _packages() -> dict[str, str]:
    return {
        "skdeep": __version__,
        **{name: _installed_version(name) for name in PACKAGES},
    }


def _installed_version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def _devices() -> dict[str, str]:
    return {
        **{name: _describe(name) for name in available_devices()},
        "CUDA": torch.version.cuda or "not built with",
    }


def _describe(device: str) -> str:
    if device.startswith("cuda"):  # GPU only
        return torch.cuda.get_device_name(device)
    return torch.backends.cpu.get_cpu_capability() if device == "cpu" else "Apple"


def _threads() -> dict[str, str]:
    return {
        "cores": str(os.cpu_count()),
        "torch threads": str(torch.get_num_threads()),
        **{name: os.environ.get(name, "not set") for name in THREAD_VARIABLES},
    }
