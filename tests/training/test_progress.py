"""Tests of what a fit shows while it runs."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from skdeep.training._progress import EpochReport


def report(plan: Any, **row: float) -> None:
    """Report all epochs of a plan."""
    with EpochReport(plan) as lines:
        for epoch in range(plan.max_epochs):
            lines.epoch({"train_loss": 1.0 / (epoch + 1), **row})


def test_silence_at_verbose_zero(make_plan: Any, capsys: Any) -> None:
    """Nothing is written to either stream."""
    report(make_plan(verbose=0))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("max_epochs", "n_lines"), [(5, 5), (100, 21), (400, 21)])
def test_about_twenty_lines_at_verbose_one(
    make_plan: Any, capsys: Any, max_epochs: int, n_lines: int
) -> None:
    """Without a terminal there are lines, the first and the last epoch among them."""
    report(make_plan(verbose=1, max_epochs=max_epochs))
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) == n_lines
    assert lines[0].startswith(f"[Model] epoch 1/{max_epochs}  loss 1.0000  ETA ")
    assert f"epoch {max_epochs}/{max_epochs}" in lines[-1]
    assert lines[-1].endswith("ETA 0 s")
    assert err == ""


def test_a_line_an_epoch_at_verbose_two(make_plan: Any, capsys: Any) -> None:
    """Validation figures stand there where they were taken."""
    report(
        make_plan(verbose=2, max_epochs=60), valid_loss=0.25, valid_score=0.5, other=9.0
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 60
    assert "epoch 4/60  loss 0.2500  valid_loss 0.2500  valid_score 0.5000" in lines[3]
    assert "other" not in lines[3]


class Terminal:
    """A stream that says it is a terminal."""

    def __init__(self) -> None:
        self.text = ""
        self.encoding = "utf-8"

    def write(self, text: str) -> int:
        """Keep what is written."""
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Keep nothing back."""

    def isatty(self) -> bool:
        """Claim to be a terminal."""
        return True


def test_bar_on_a_terminal(make_plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With rich there is a bar that counts epochs, and it is closed on an error."""
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    plan = make_plan(verbose=1, max_epochs=4)
    shown = EpochReport(plan)

    def fail() -> None:
        with shown as bar:
            bar.epoch({"train_loss": 0.125})
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert "Model" in terminal.text
    assert "1/4" in terminal.text
    assert "loss 0.1250" in terminal.text
    assert not shown._bar.live.is_started


def test_lines_where_rich_is_missing(
    make_plan: Any, monkeypatch: pytest.MonkeyPatch, hide_module: Any
) -> None:
    """The bar is an extra; a terminal without rich has lines."""
    hide_module("rich")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    report(make_plan(verbose=1, max_epochs=2))
    assert terminal.text.count("[Model] epoch") == 2
