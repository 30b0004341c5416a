"""The blocks of docs/with_other_libraries.md, each after the one that begins them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "with_other_libraries.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCK = re.compile(
    r"^### (?P<heading>[^\n]+)\n|^```py\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE
)


def blocks():
    """Return a parameter for each block, marked by the libraries of its heading."""
    (start,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    found: list[Any] = []
    names: list[str] = []
    for block in BLOCK.finditer(TEXT):
        if block["heading"]:
            names = block["heading"].split(" and ")
            continue
        code = start + block["code"]
        mark = pytest.mark.ecosystem(*names)
        found.append(pytest.param(code, marks=mark, id=f"{names[0]}-{len(found)}"))
    return found


@pytest.mark.parametrize("code", blocks())
def test_block_runs(code):
    """Whoever types the first block and this one finds what it asserts."""
    exec(compile(code, str(PAGE), "exec"), {"__name__": "page"})


@pytest.mark.ecosystem
def test_blocks_are_found():
    """The rule above sees all blocks of the page."""
    assert len(blocks()) == TEXT.count("```py\n") == 19
