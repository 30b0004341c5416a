"""The code in README.md, run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(
    r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", re.DOTALL | re.MULTILINE
)
EXAMPLES = BLOCK.findall(README.read_text(encoding="utf-8"))


def test_every_python_block_shows_its_output():
    """No block of code escapes the test below."""
    assert README.read_text(encoding="utf-8").count("```python") == len(EXAMPLES) > 0


@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_readme_block_prints_what_it_says(code, output, capsys):
    """A newcomer who copies a block sees what the README shows."""
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out == output
