"""The one way to import what skdeep can do without.

The import stands plainly inside the ``with`` block, where type checkers and the
import contracts see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from skdeep.exceptions import MissingDependencyError

# Import package -> the extra of this distribution that installs it.
EXTRAS = {
    "matplotlib": "plot",
    "nltk": "text",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "pandas": "frames",
    "polars": "frames",
    "pyarrow": "frames",
    "rich": "progress",
    "skl2onnx": "onnx",
    "skops": "safe",
    "timm": "timm",
}


@contextmanager
def optional_dependency(package: str, *, needed_by: str) -> Iterator[None]:
    """Turn a missing package into a sentence that says how to install it.

    Parameters
    ----------
    package : str
        The package imported in the block, one of the keys of `EXTRAS`.
    needed_by : str
        Public name of what needs it, as the user wrote it.

    Yields
    ------
    None
        The block.

    Raises
    ------
    MissingDependencyError
        If the package is not installed. Where it is installed and one of its own
        imports fails, that error passes unchanged.

    Examples
    --------
    >>> from skdeep._optional import optional_dependency
    >>> with optional_dependency("matplotlib", needed_by="GradCAMDisplay"):
    ...     import matplotlib as mpl
    """
    command = f'python -m pip install "skdeep-torch[{EXTRAS[package]}]"'
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing != package:
            raise
        raise MissingDependencyError(
            f"{needed_by} requires {package}. Install it with: {command}.",
            name=package,
        ) from error
