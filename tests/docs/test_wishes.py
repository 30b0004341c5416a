"""The table of docs/wishes.md, against the tests and parameters that it names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| (\d+) \| (.*) \|$",
    (ROOT / "docs" / "wishes.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def test_every_wish_has_its_answer():
    """The rows are numbered through, and none lacks a cell."""
    assert [int(number) for number, _ in ROWS] == list(range(1, 28))
    assert all(row.count(" | ") == 3 for _, row in ROWS)


def test_tests_that_are_named_are_there():
    """Whoever doubts an answer finds the test."""
    named = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", " ".join(row for _, row in ROWS))
    assert len(named) > 27
    for path, test in named:
        home = ROOT if path.startswith("benchmarks/") else ROOT / "tests"
        text = (home / path).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in text, f"{path} has no {test}"


def test_met_wishes_name_a_test():
    """An answer that is not "later" stands on something that runs."""
    for number, row in ROWS:
        answer, shown = row.split(" | ")[1], row.split(" | ")[3]
        assert answer.startswith("later") or ".py" in shown, f"wish {number}"
