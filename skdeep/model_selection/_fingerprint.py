"""What a search is about, as texts that are the same in any process."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from scipy import sparse

import skdeep
from skdeep.exceptions import StudyError
from skdeep.model_selection._names import name_of
from skdeep.model_selection._space import Space
from skdeep.model_selection._values import plain

if TYPE_CHECKING:
    from skdeep._typing import MatrixLike

FORMAT = 1
# Scores are only comparable where these are the same.
DISTRIBUTIONS = ("scikit-learn", "torch", "optuna")
# What stands for a value that cannot be pickled, and so not be told from another.
_UNKNOWN = "not comparable: "


def fingerprint(
    estimator: Any,
    space: Space,
    scoring: Any,
    X: MatrixLike,
    y: Any,
    splits: list[tuple[Any, Any]],
    params: Mapping[str, Any],
) -> dict[str, dict[str, str]]:
    """Return what must be the same for trials of two processes to be compared.

    Parameters
    ----------
    estimator : estimator object
        The one to be tuned.
    space : TableSpace or FunctionSpace
        Where.
    scoring : object
        As the search was given it.
    X : array-like or DataFrame of n_samples rows
        Training inputs.
    y : array-like
        Training targets.
    splits : list of tuple
        Rows of each fold.
    params : mapping
        What `fit` was given beside X and y.

    Returns
    -------
    parts : dict of str to dict of str to str
        By subject, then by name.
    """
    versions = {name: importlib.metadata.version(name) for name in DISTRIBUTIONS}
    return {
        "data": {
            "X": digest(X),
            "y": digest(y),
            **{name: digest(value) for name, value in params.items()},
        },
        "splits": {"cv": digest([part for split in splits for part in split])},
        "space": space.described(),
        "scoring": {"scoring": _text(scoring)},
        "estimator": {
            "class": _text(type(estimator)),
            **{name: _text(value) for name, value in estimator.get_params().items()},
        },
        "versions": {"skdeep": skdeep.__version__, **versions},
    }


def check_same(
    name: str,
    stored: Mapping[str, Mapping[str, str]],
    now: Mapping[str, Mapping[str, str]],
) -> None:
    """Check that a study is about the same as a search.

    Parameters
    ----------
    name : str
        Of the study.
    stored, now : mapping
        Two fingerprints.

    Raises
    ------
    StudyError
        If they differ; it says where.
    """
    _check_comparable(name, stored, now)
    differing = []
    for subject, parts in now.items():
        before = stored.get(subject, {})
        names = [
            part
            for part in sorted({*parts, *before})
            if parts.get(part) != before.get(part)
        ]
        if names:
            differing.append(f"{subject} ({', '.join(names)})")
    if differing:
        hint = ""
        if any(text.startswith("splits") for text in differing):
            hint = " Splits repeat themselves only if cv has an int as random_state."
        raise StudyError(
            f"OptunaSearchCV cannot go on with the study {name!r}, which was about "
            f"other things: {'; '.join(differing)}. Restore them, or choose another "
            f"study_name.{hint}"
        )


def _check_comparable(
    name: str,
    stored: Mapping[str, Mapping[str, str]],
    now: Mapping[str, Mapping[str, str]],
) -> None:
    for parts in (now, stored):
        for subject, texts in parts.items():
            for part, text in texts.items():
                if _UNKNOWN in text:
                    raise StudyError(
                        f"OptunaSearchCV cannot go on with the study {name!r}: "
                        f"whether {subject} ({part}) is the same is not known, since a "
                        f"{text.partition(_UNKNOWN)[2]} cannot be pickled. Leave it "
                        "out, or define its class or function in a module."
                    )


def digest(value: Any) -> str:
    """Return the same text for the same values, however they lie in memory.

    Parameters
    ----------
    value : object
        A DataFrame, Series, array, sparse matrix or list of these.
    """
    if hasattr(value, "columns") and hasattr(value, "__getitem__"):
        columns = [(str(name), _of_column(value[name])) for name in value.columns]
        return _hash(columns)
    if hasattr(value, "dtype") and not isinstance(value, np.ndarray):
        if sparse.issparse(value):
            csr = sparse.csr_array(value)
            return _hash((csr.shape, csr.data, csr.indices, csr.indptr))
        return _hash(_of_column(value))
    return _hash(value)


def _hash(value: Any) -> str:
    try:
        return str(joblib.hash(value))
    # Whatever the pickling of a foreign object raises: a search that is neither resumed
    # nor shared does without.
    except Exception:
        return f"{_UNKNOWN}{type(value).__qualname__}"


def _of_column(column: Any) -> tuple[str, Any]:
    return str(column.dtype), np.asarray(column)


def _text(value: Any) -> str:
    """Return a text without addresses in memory."""
    value = plain(value)
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(map(_text, value))})"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_text(part)}" for name, part in value.items())
    name = name_of(value)
    if name is not None:
        return name
    if isinstance(value, np.ndarray) or " at 0x" in repr(value):
        return f"{type(value).__qualname__} {_hash(value)}"
    return " ".join(repr(value).split())
