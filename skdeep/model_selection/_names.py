"""Names for functions and classes that are the same in every process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def name_of(value: Any) -> str | None:
    """Return the dotted name of a function or class, None for anything else.

    Parameters
    ----------
    value : object
        What a script defines that is run as such has the name that it has where the
        script is imported.
    """
    name = getattr(value, "__qualname__", None)
    if name is None:
        return None
    module = value.__module__
    script = getattr(sys.modules["__main__"], "__file__", None)
    if module == "__main__" and script is not None:
        module = Path(script).stem
    return f"{module}.{name}"
