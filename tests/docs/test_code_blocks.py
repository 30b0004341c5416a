"""The code in the pages under docs/, run as it stands, a page at a time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_blocks_of_a_page_run_and_print_what_they_say(page, capsys):
    """Whoever types a page from top to bottom sees what it shows."""
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
        assert capsys.readouterr().out == (block["output"] or "")
