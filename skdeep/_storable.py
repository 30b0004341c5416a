"""The names that a file of `skdeep.save` may hold: classes and functions of the house.

A file names classes, never paths to import. A room marks its own with `storable` where
they are defined; whoever reads a file finds them here, or refuses.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Marked = TypeVar("Marked", bound=Callable[..., Any])


@dataclass(frozen=True)
class Storable:
    """A class or function that may stand in a file.

    Attributes
    ----------
    kind : type or callable
        What was marked.
    fields : tuple of str
        Arguments of the constructor that are attributes of the same names. Empty where
        all attributes make up the state.
    """

    kind: Any
    fields: tuple[str, ...]


_marked: dict[str, Storable] = {}


def storable(*fields: str) -> Callable[[Marked], Marked]:
    """Return a decorator that lets a class or function stand in a file.

    What is stored of an instance is what its `__skdeep_state__` returns, and
    `__skdeep_restore__` takes it back. Without these it is the fields named; the fields
    of a dataclass or named tuple; or the state as pickle would take it. All of it must
    be storable in turn. Functions can be stored in a `functools.partial`.

    Parameters
    ----------
    *fields : str
        Arguments of the constructor to store, which are attributes of the same names.

    Returns
    -------
    mark : callable
        The decorator.

    Raises
    ------
    ValueError
        By `mark`, if another class or function of the same name is marked already.

    Examples
    --------
    >>> from skdeep._storable import find_storable, storable
    >>> @storable("width")
    ... class Brush:
    ...     def __init__(self, width):
    ...         self.width = width
    >>> find_storable("Brush").fields
    ('width',)
    """

    def mark(kind: Marked) -> Marked:
        name = kind.__name__
        known = _marked.get(name)
        if known is not None and _origin(known.kind) != _origin(kind):
            raise ValueError(
                f"Two classes called {name} cannot both be storable: those of "
                f"{known.kind.__module__} and {kind.__module__}. Rename one of them."
            )
        _marked[name] = Storable(kind, fields)
        return kind

    return mark


def find_storable(name: str) -> Storable | None:
    """Return what is marked under a name, or None."""
    return _marked.get(name)


def storable_name(kind: Any) -> str | None:
    """Return the name under which a class or function is marked, or None.

    Classes derived from a marked one are not marked themselves.
    """
    if isinstance(kind, functools.partial):
        return None
    name = getattr(kind, "__name__", "")
    known = _marked.get(name)
    return name if known is not None and known.kind is kind else None


def _origin(kind: Any) -> tuple[str, str]:
    # A module that is reloaded marks the same name again.
    return kind.__module__, kind.__qualname__
