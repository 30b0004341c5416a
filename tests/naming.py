"""Names of test cases that every process of a run agrees on."""

from __future__ import annotations

import re
from typing import Any


def shown(value: Any) -> str:
    """Return how a value is shown, without the address at which it lies."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value), flags=re.IGNORECASE)
