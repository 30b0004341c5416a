"""Estimators in a file: skdeep's own by their parts, Pipelines by their steps.

What is scikit-learn's goes through skops, which names the types that it does not trust.
"""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

import skdeep
from skdeep._optional import optional_dependency
from skdeep.base import FittedState, fitted_attributes
from skdeep.exceptions import PersistenceError
from skdeep.persistence._container import in_a_line
from skdeep.persistence._decoding import refuse_class
from skdeep.persistence._encoding import TAG

if TYPE_CHECKING:
    from skdeep.persistence._decoding import Decoder, Reader
    from skdeep.persistence._encoding import Encoder, Rule

# Methods that may have been told what metadata they want.
_ROUTED = (
    "fit",
    "partial_fit",
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score",
    "split",
    "transform",
    "inverse_transform",
)
_REQUESTS = "_metadata_request"


def estimator_rules(
    *, keep_optimizer: bool, trusted: Sequence[str]
) -> tuple[Rule, ...]:
    """Return the rules that turn estimators into nodes.

    Parameters
    ----------
    keep_optimizer : bool
        Whether to keep what `partial_fit` goes on from.
    trusted : sequence of str
        Types of scikit-learn's estimators that skops is to trust.

    Returns
    -------
    rules : tuple of callable
        For an `Encoder`.
    """

    def ours(encoder: Encoder, value: Any, where: str) -> Any:
        if not is_ours(value):
            return None
        return _our_node(encoder, value, where, keep_optimizer=keep_optimizer)

    def theirs(encoder: Encoder, value: Any, where: str) -> Any:
        if not isinstance(value, BaseEstimator):
            return None
        return _their_node(encoder, value, where, trusted)

    return ours, _pipeline_node, theirs


def is_ours(value: Any) -> bool:
    """Tell whether an object is an estimator of skdeep, or derived from one."""
    return isinstance(value, BaseEstimator) and any(
        base.__module__.startswith("skdeep.") for base in type(value).__mro__
    )


def _our_node(encoder: Encoder, value: Any, where: str, *, keep_optimizer: bool) -> Any:
    name = type(value).__name__
    if name not in skdeep.__all__ or getattr(skdeep, name) is not type(value):
        raise encoder.refusal(
            type(value), where, "Only skdeep's own classes can be. Use joblib."
        )
    _refuse_callbacks(encoder, value)
    _check_parameters(encoder, value)
    describe = getattr(value, "__skdeep_state__", None)
    fitted = fitted_attributes(value) if describe is None else describe()
    requests = _requests_of(value) if fitted.pop(_REQUESTS, None) else {}
    fitted = {
        key: dataclasses.replace(item, resume={})
        if isinstance(item, FittedState) and not keep_optimizer
        else item
        for key, item in fitted.items()
    }
    inside = f"{where}." if where else ""
    return {
        TAG: "estimator",
        "class": name,
        "parameters": encoder.node(value.get_params(deep=False), where),
        "fitted": encoder.node(fitted, f"{inside}fitted"),
        "requests": requests,
    }


def _check_parameters(encoder: Encoder, value: Any) -> None:
    """Raise on parameters of a fitted estimator that `load` would take for damage."""
    if not hasattr(value, "module_"):
        return
    try:
        value._validate_params()
    except ValueError as error:
        raise PersistenceError(
            f"{encoder.owner} cannot be saved with a parameter that breaks its rule. "
            f"{error}"
        ) from error


def _refuse_callbacks(encoder: Encoder, value: Any) -> None:
    if getattr(value, "callbacks", None):
        why = "Remove them with set_params(callbacks=None), or use joblib."
        raise encoder.refusal(value.callbacks[0], "callbacks", why)
    if getattr(value, "_skl_callbacks", None):
        why = "Remove it with set_callbacks(), or use joblib."
        raise encoder.refusal(vars(value)["_skl_callbacks"][0], "set_callbacks", why)


def _requests_of(value: Any) -> dict[str, dict[str, Any]]:
    routing = value.get_metadata_routing()
    return {
        method: dict(getattr(routing, method).requests)
        for method in _ROUTED
        if getattr(routing, method).requests
    }


def _our_estimator(decoder: Decoder, node: Mapping[str, Any]) -> Any:
    name = node["class"]
    kind = getattr(skdeep, name) if name in skdeep.__all__ else None
    if not (isinstance(kind, type) and issubclass(kind, BaseEstimator)):
        raise refuse_class(name)
    estimator: Any = kind(**decoder.value(node["parameters"]))
    fitted = decoder.value(node["fitted"])
    if hasattr(estimator, "__skdeep_restore__"):
        estimator.__skdeep_restore__(fitted)
    else:
        vars(estimator).update(fitted)
    with sklearn.config_context(enable_metadata_routing=True):
        for method, requests in node["requests"].items():
            if method not in _ROUTED:
                raise PersistenceError(f"The file holds no method: {method!r:.60}.")
            getattr(estimator, f"set_{method}_request")(**requests)
    return estimator


def _pipeline_node(encoder: Encoder, value: Any, where: str) -> Any:
    if type(value) is not Pipeline:
        return None
    steps = [
        [name, encoder.node(step, f"{where}.{name}" if where else name)]
        for name, step in value.steps
    ]
    others = {n: p for n, p in value.get_params(deep=False).items() if n != "steps"}
    parameters = encoder.node(others, where)
    return {TAG: "pipeline", "steps": steps, "parameters": parameters}


def _pipeline(decoder: Decoder, node: Mapping[str, Any]) -> Pipeline:
    steps = [(name, decoder.value(step)) for name, step in node["steps"]]
    return Pipeline(steps, **decoder.value(node["parameters"]))


def _their_node(
    encoder: Encoder, value: BaseEstimator, where: str, trusted: Sequence[str]
) -> Any:
    inside = [*value.get_params(deep=True).values()]
    if any(map(is_ours, inside)):
        remedy = (
            "Save its best_estimator_."
            if hasattr(value, "best_estimator_")
            else "Save the estimator within it, or use joblib."
        )
        raise _refuse_theirs(
            encoder,
            value,
            where,
            "Of the classes of others only scikit-learn's own Pipeline may hold "
            f"estimators of skdeep. {remedy}",
        )
    with optional_dependency("skops", needed_by="save of a Pipeline"):
        from skops.io import dumps, get_untrusted_types

    try:
        data = dumps(value)
        strange = sorted({*get_untrusted_types(data=data)} - {*trusted})
    # There is no list of what skops, and the code of a step, raise.
    except Exception as error:
        raise _refuse_theirs(
            encoder,
            value,
            where,
            f"skops, which saves such steps, says: {in_a_line(error)}. Replace the "
            "step, or use joblib, whose files run code.",
        ) from error
    if not encoder.budget.allows(_unpacked_bytes(data), len(data)):
        raise _refuse_theirs(
            encoder,
            value,
            where,
            "What skops has compressed of it is far larger than its file: nobody "
            "could tell it from an attack. Use joblib.",
        )
    if strange:
        raise _refuse_theirs(
            encoder,
            value,
            where,
            f"skops does not trust {', '.join(strange)} in it. Pass these names as "
            "trusted if you do, here and to load.",
        )
    name = encoder.keep(np.frombuffer(data, np.uint8), where or "estimator")
    return {TAG: "skops", "name": name}


def _refuse_theirs(
    encoder: Encoder, value: Any, where: str, why: str
) -> PersistenceError:
    """Return the error on an estimator of others, by its module if it is a stranger's.

    A class of another package may be called as one of scikit-learn's.
    """
    kind = type(value)
    if kind.__module__.startswith("sklearn."):
        return encoder.refusal(value, where, why)
    return PersistenceError(
        f"{encoder.owner} cannot be saved without pickle: {where or 'it'} is of the "
        f"class {kind.__module__}.{kind.__qualname__}. {why}"
    )


def estimator_readers(trusted: Sequence[str]) -> dict[str, Reader]:
    """Return the readers of the nodes that `estimator_rules` make.

    Parameters
    ----------
    trusted : sequence of str
        Types of scikit-learn's estimators that skops is to trust.

    Returns
    -------
    readers : dict of str to callable
        For a `Decoder`.
    """

    def theirs(decoder: Decoder, node: Mapping[str, Any]) -> Any:
        with optional_dependency("skops", needed_by="load of a Pipeline"):
            from skops.io import get_untrusted_types, loads

        data = decoder.take(node["name"]).tobytes()
        decoder.ask(_unpacked_bytes(data), len(data))
        strange = sorted({*get_untrusted_types(data=data)} - {*trusted})
        if strange:
            raise PersistenceError(
                f"The file holds types that skops does not trust: "
                f"{', '.join(strange)}. Look at what they are, and pass their names "
                "as trusted if you know the file's author."
            )
        try:
            return loads(data, trusted=list(trusted))
        except ImportError as error:
            raise PersistenceError(
                f"The file needs {error.name or 'a module'}, which cannot be imported "
                "here. Install what it was saved with."
            ) from error

    return {"estimator": _our_estimator, "pipeline": _pipeline, "skops": theirs}


def _unpacked_bytes(data: bytes) -> int:
    """Return how large an archive becomes, and those in it, at most.

    skops packs nothing, but for sparse matrices, which are archives in the archive.
    """
    total = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for item in archive.infolist():
            total += item.file_size
            if item.filename.endswith(".npz"):
                # Read only where it is as large as it stands there.
                if item.compress_type != zipfile.ZIP_STORED:
                    raise PersistenceError(
                        "The file holds a packed archive in an archive. It was "
                        "changed: do not load it."
                    )
                inside = archive.read(item)
                with zipfile.ZipFile(io.BytesIO(inside)) as matrix:
                    total += sum(part.file_size for part in matrix.infolist())
    return total


def estimators_in(value: Any) -> Iterator[Any]:
    """Yield the estimators of skdeep in an estimator or a Pipeline.

    Parameters
    ----------
    value : object
        As `load` makes it.

    Yields
    ------
    estimator : estimator instance
    """
    if is_ours(value):
        yield value
    elif isinstance(value, Pipeline):
        for _, step in value.steps:
            yield from estimators_in(step)
