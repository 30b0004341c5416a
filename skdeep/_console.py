"""Progress on the console: a bar in a terminal or a notebook, otherwise lines."""

from __future__ import annotations

import importlib.util
import sys
import threading
from typing import Any, Protocol


class Bar(Protocol):
    """A bar that is on the screen."""

    def show(self, done: int, figures: str) -> None:
        """Show how much is done, and figures beside it."""
        ...

    def close(self) -> None:
        """Leave the bar as it is and write no more."""
        ...


def write_line(text: str) -> None:
    """Write a line to the standard output, where there is one.

    A program without a console, a service for example, has none.

    Parameters
    ----------
    text : str
        The line, without its end.
    """
    if _is_open():
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def open_bar(title: str, total: int | None) -> Bar | None:
    """Draw an empty bar, of rich or else of tqdm.

    Parameters
    ----------
    title : str
        What stands before it.
    total : int or None
        How much there is to do; None where nobody knows.

    Returns
    -------
    bar : Bar or None
        None where neither library is installed, or where the standard output is
        neither a terminal nor a notebook.
    """
    notebook = in_notebook()
    if not notebook and not (_is_open() and _is_terminal()):
        return None
    # In a notebook rich draws by ipywidgets, and warns where they are missing.
    rich = not notebook or importlib.util.find_spec("ipywidgets") is not None
    for kind in (_RichBar, _TqdmBar) if rich else (_TqdmBar,):
        try:
            return kind(title, total)
        except ImportError:  # optional; lines serve as well
            continue
    return None


def in_notebook() -> bool:
    """Tell whether the code runs in a kernel of Jupyter."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def _is_open() -> bool:
    return sys.stdout is not None and not getattr(sys.stdout, "closed", False)


def _is_terminal() -> bool:
    return hasattr(sys.stdout, "isatty") and bool(sys.stdout.isatty())


class _RichBar:
    def __init__(self, title: str, total: int | None) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
        )
        self._task = self._progress.add_task(title, total=total, figures="")
        self._progress.start()

    def show(self, done: int, figures: str) -> None:
        self._progress.update(self._task, completed=done, figures=figures)

    def close(self) -> None:
        self._progress.stop()


class _TqdmBar:
    def __init__(self, title: str, total: int | None) -> None:
        from tqdm.std import tqdm

        class Tqdm(tqdm):  # type: ignore[misc, type-arg, unused-ignore]
            # No thread, and no lock for other processes: both outlive the bar.
            monitor_interval = 0

        Tqdm.set_lock(threading.RLock())
        self._bar: Any = Tqdm(total=total, desc=title, file=sys.stdout)

    def show(self, done: int, figures: str) -> None:
        self._bar.set_postfix_str(figures, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        self._bar.close()
