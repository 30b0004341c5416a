"""The code in the pages under docs/, run as it stands, a page at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rounding import rounding_of_another_cpu

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```)?",
    re.DOTALL | re.MULTILINE,
)
# What a page needs beside the package itself, by what stands in it.
EXTRAS = {
    "import matplotlib": ("matplotlib",),
    "Display.from_": ("matplotlib",),
    "import pandas": ("pandas",),
    "to_onnx(": ("onnx", "onnxruntime", "onnxscript", "skl2onnx"),
    "save(pipe": ("skops",),
}
PAGES = [
    page
    for page in sorted([*DOCS.glob("*.md"), *DOCS.glob("course/*.md")])
    if "```python" in page.read_text(encoding="utf-8")
]


def name_of(page):
    """Return where a page lies under docs/, without its ending."""
    return page.relative_to(DOCS).with_suffix("").as_posix()


def run_page(page: Path, printed: Callable[[], str]) -> None:
    """Run the blocks of a page in their order, and compare what they print."""
    text = page.read_text(encoding="utf-8")
    for words, packages in EXTRAS.items():
        for package in packages if words in text else ():
            pytest.importorskip(package)
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```python")
    namespace = {"__name__": page.stem}
    for block in blocks:
        # Empty lines in front, so that a traceback has the page's own line numbers.
        above = "\n" * (text.count("\n", 0, block.start()) + 1)
        exec(compile(above + block["code"], str(page), "exec"), namespace)
        assert printed() == (block["output"] or "")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_blocks_of_a_page_run_and_print_what_they_say(page, capsys):
    """Whoever types a page from top to bottom sees what it shows."""
    run_page(page, lambda: capsys.readouterr().out)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_blocks_of_a_page_print_the_same_on_another_cpu(page, capsys):
    """No figure of a page depends on the last digit of a product."""
    with rounding_of_another_cpu():
        run_page(page, lambda: capsys.readouterr().out)
