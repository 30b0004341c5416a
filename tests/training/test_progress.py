"""Tests of what a fit shows while it runs."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import io
import sys
import threading
from types import SimpleNamespace
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


def enter_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make a terminal the standard output, from within a test."""
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    return stream


@pytest.mark.parametrize("library", ["rich", "tqdm"])
def test_bar_on_a_terminal(
    make_plan: Any,
    monkeypatch: pytest.MonkeyPatch,
    hide_module: Any,
    library: str,
) -> None:
    """A bar of either library counts epochs, and is closed on an error."""
    pytest.importorskip(library)
    if library == "tqdm":
        hide_module("rich")
    terminal = enter_terminal(monkeypatch)
    n_threads = threading.active_count()

    def fail() -> None:
        with EpochReport(make_plan(verbose=1, max_epochs=4)) as bar:
            bar.epoch({"train_loss": 0.125})
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert "Model" in terminal.text
    assert "1/4" in terminal.text
    assert "loss 0.1250" in terminal.text
    # The thread of rich may take a moment longer.
    assert library == "rich" or threading.active_count() == n_threads


def test_lines_where_no_library_of_bars_is_installed(
    make_plan: Any, monkeypatch: pytest.MonkeyPatch, hide_module: Any
) -> None:
    """Without rich and tqdm a terminal has lines."""
    hide_module("rich")
    hide_module("tqdm")
    terminal = enter_terminal(monkeypatch)
    report(make_plan(verbose=1, max_epochs=2))
    assert terminal.text.count("[Model] epoch") == 2


@pytest.mark.parametrize("widgets", [True, False])
def test_bar_in_a_notebook(
    make_plan: Any,
    capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
    hide_module: Any,
    widgets: bool,
) -> None:
    """rich needs ipywidgets in a notebook; the text of tqdm does without."""
    pytest.importorskip("rich")
    shell = SimpleNamespace(kernel=object())
    ipython = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    found = importlib.machinery.ModuleSpec("ipywidgets", None) if widgets else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    report(make_plan(verbose=1, max_epochs=2))
    out = capsys.readouterr().out
    # The bar of tqdm has its share in percent, and goes back to the start of the line.
    assert ("\r" in out and "100%" in out) == (not widgets)
    assert "Model" in out
    assert "2/2" in out
    assert "[Model]" not in out


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("closed", [True, False])
def test_no_standard_output_is_no_error(
    make_plan: Any, monkeypatch: pytest.MonkeyPatch, verbose: int, closed: bool
) -> None:
    """A program without a console has None there, or a stream that is closed."""
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stdout", stream if closed else None)
    report(make_plan(verbose=verbose, max_epochs=3))


def test_stream_that_knows_nothing_of_terminals_gets_lines(
    make_plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream of somebody's own may have no more than write and flush."""
    written: list[str] = []
    stream = SimpleNamespace(write=written.append, flush=lambda: None)
    monkeypatch.setattr(sys, "stdout", stream)
    report(make_plan(verbose=1, max_epochs=2))
    assert len(written) == 2
