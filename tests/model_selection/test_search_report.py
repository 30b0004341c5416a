"""What a search shows, and that it shows nothing unless asked."""

from __future__ import annotations

import re
import sys
from typing import Any

import joblib
import pytest


def test_lines_tell_trials_best_pruned_and_time(
    make_search: Any, iris: Any, strict: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """One a trial, while there are few of them."""
    search = make_search(verbose=1, n_trials=12, pruner=strict).fit(*iris)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    pattern = r"\[OptunaSearchCV\] trial (\d+)/12  best \d\.\d{4} \(#\d+\).*  ETA \d+ s"
    assert all(re.fullmatch(pattern, line) for line in lines)
    n_pruned = (search.cv_results_["state"] == "PRUNED").sum()
    assert n_pruned > 0
    assert f"  pruned {n_pruned}  ETA 0 s" in lines[-1]
    assert f"best {search.best_score_:.4f}" in lines[-1]


def test_second_level_tells_parameters(
    make_search: Any, iris: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """And how each trial ended."""
    search = make_search(verbose=2, n_trials=2).fit(*iris)
    lines = capsys.readouterr().out.splitlines()
    rate = search.cv_results_["params"][1]["learning_rate"]
    assert "#1 COMPLETE" in lines[1]
    assert str(rate) in lines[1]


def test_many_trials_have_few_lines(
    make_search: Any, iris: Any, capsys: pytest.CaptureFixture[str], net: Any
) -> None:
    """About twenty."""
    net.set_params(max_epochs=1)
    make_search(net, verbose=1, n_trials=60, cv=2).fit(*iris)
    assert len(capsys.readouterr().out.splitlines()) == 21


def test_time_limit_is_counted_down(
    make_search: Any, iris: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is no budget."""
    make_search(verbose=1, n_trials=None, timeout=1.5).fit(*iris)
    first = capsys.readouterr().out.splitlines()[0]
    assert re.fullmatch(
        r"\[OptunaSearchCV\] trial 1  best \S+ \(#0\)  ETA [012] s", first
    )


def test_trials_of_workers_are_shown(
    make_search: Any, iris: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a thread that looks into the storage, and ends with the search."""
    with joblib.parallel_config(backend="threading"):
        make_search(verbose=1, n_trials=4, n_jobs=2).fit(*iris)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]


def test_resumed_search_shows_what_is_new(
    make_search: Any, iris: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counted on from what was there."""
    search = make_search(n_trials=2).fit(*iris)
    search.set_params(verbose=1, resume=True, n_trials=4).fit(*iris)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == ["3/4", "4/4"]


def test_terminal_shows_a_bar(
    make_search: Any, iris: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """With rich; it is closed when the search fails."""
    pytest.importorskip("rich", reason="bars are drawn by rich")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    make_search(verbose=1, n_trials=3).fit(*iris)
    shown = capsys.readouterr().out
    assert "3/3" in shown
    assert "best 0." in shown

    def stop(study: Any, trial: Any) -> None:
        raise RuntimeError("stop")

    search = make_search(verbose=1, n_trials=3, callbacks=[stop])
    with pytest.raises(RuntimeError, match="stop"):
        search.fit(*iris)
    # The cursor is shown again when the bar is closed.
    assert capsys.readouterr().out.endswith("\x1b[?25h")


def test_terminal_without_a_library_of_bars_shows_lines(
    make_search: Any,
    iris: Any,
    monkeypatch: pytest.MonkeyPatch,
    hide_module: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither of them is needed."""
    hide_module("rich")
    hide_module("tqdm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    make_search(verbose=1, n_trials=2).fit(*iris)
    assert len(capsys.readouterr().out.splitlines()) == 2
