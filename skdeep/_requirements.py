"""Packages that skdeep cannot do without, looked at before the first is used.

An environment may hold older ones than were asked for; what they lack would be missed
somewhere in the middle, in words of their own.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys

from skdeep.exceptions import MissingDependencyError

# Import package -> distribution and the oldest version, as in `pyproject.toml`.
REQUIRED = {
    "joblib": ("joblib", "1.4"),
    "numpy": ("numpy", "1.26"),
    "optuna": ("optuna", "4.2"),
    "PIL": ("pillow", "10.0"),
    "safetensors": ("safetensors", "0.4.5"),
    "scipy": ("scipy", "1.11.1"),
    "skorch": ("skorch", "1.2"),
    "sklearn": ("scikit-learn", "1.6.1"),
    "torch": ("torch", "2.6"),
    "torchvision": ("torchvision", "0.21"),
}


def check_versions() -> None:
    """Raise where a package is older than skdeep needs it.

    Raises
    ------
    MissingDependencyError
        It names each such package, with the version that is there and the oldest one
        that will do.
    """
    old = []
    for package, (distribution, least) in REQUIRED.items():
        found = _version(package, distribution)
        if found is not None and _release(found) < _release(least):
            old.append((f"{distribution}>={least}", f"{distribution} {found}"))
    if old:
        wanted = " and ".join(need for need, _ in old)
        present = " and ".join(there for _, there in old)
        install = " ".join(f'"{need}"' for need, _ in old)
        raise MissingDependencyError(
            f"skdeep requires {wanted}. Got {present}. Install it with: python -m pip "
            f"install {install}."
        )


def _version(package: str, distribution: str) -> str | None:
    """Return the version that is there, or None: Python tells of what is not."""
    imported = getattr(sys.modules.get(package), "__version__", None)
    if imported is not None:
        return str(imported)
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, without what stands behind them."""
    found = re.match(r"\d+(\.\d+)*", version)
    numbers = [] if found is None else [int(part) for part in found[0].split(".")]
    # An unknown spelling is nobody's fault.
    return (*numbers, *[0] * (4 - len(numbers))) if numbers else (sys.maxsize,)


check_versions()
