"""What Optuna raises, told as an error of a search."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from optuna import TrialPruned

from skdeep.exceptions import MissingDependencyError, SkdeepError, StudyError


@contextmanager
def told_by_search(
    doing: str, kind: type[Exception] = StudyError, hint: str = ""
) -> Iterator[None]:
    """Raise an error of Optuna as one of the search, with the first as its cause.

    Errors of functions and classes of the user pass, unless Optuna has called them.

    Parameters
    ----------
    doing : str
        What the search does in the block, after "OptunaSearchCV cannot".
    kind : type, default=StudyError
        What to raise.
    hint : str, default=""
        A sentence of what to do.
    """
    try:
        yield
    except (SkdeepError, TrialPruned):
        raise
    except Exception as error:
        if not _is_of_optuna(error.__traceback__):
            raise
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = f"OptunaSearchCV cannot {doing}: {lines[0].strip().rstrip('.')}."
        if isinstance(error, ImportError):
            raise MissingDependencyError(f"{reason} Install it.") from error
        raise kind(f"{reason} {hint}".strip()) from error


def _is_of_optuna(trace: TracebackType | None) -> bool:
    """Tell whether Optuna was at work below the last line of skdeep."""
    found = False
    while trace is not None:
        package = str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0]
        if package == "skdeep":
            found = False
        elif package == "optuna":
            found = True
        trace = trace.tb_next
    return found
