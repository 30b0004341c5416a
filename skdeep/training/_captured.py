"""What a checkpoint holds of a training, compared with a fresh training of that plan.

Shapes, dtypes and kinds are looked at before anything is taken up: what does not fit
would otherwise fail in the middle of an epoch, or not at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from skdeep.exceptions import PersistenceError
from skdeep.training._optimizers import sees_shapes
from skdeep.training._stopping import Stopper

if TYPE_CHECKING:
    from skdeep._plan import TrainingPlan

# Names by which optimizers of torch keep sums of squares, of which they take roots.
_OF_SQUARES = {"acc_delta", "exp_avg_sq", "max_exp_avg_sq", "square_avg", "sum"}
# What every epoch leaves in the history of a net.
_OF_AN_EPOCH = ("dur", "epoch", "learning_rate", "train_loss")


def check_captured(
    captured: Any,
    fresh: Mapping[str, Any],
    example: Mapping[int, Any],
    plan: TrainingPlan,
) -> None:
    """Raise where a captured training is not one of this plan and network.

    Parameters
    ----------
    captured : object
        From a file.
    fresh : mapping
        The capture of a training that has not begun.
    example : mapping of int to dict
        What the optimizer keeps of each parameter after some steps, had it two weights
        or, where shapes matter, the same shape.
    plan : TrainingPlan
        How to train.

    Raises
    ------
    PersistenceError
        It says where.
    """
    _keys(captured, fresh, "the training")
    _whole(captured["epoch"], "the number of epochs", least=1)
    _like(captured["over"], fresh["over"], "the end")
    _number(captured["seconds"], "the duration", least=0.0)
    shaped = sees_shapes(plan.optimizer)
    _check_stepper(captured["stepper"], fresh["stepper"], example, shaped=shaped)
    _check_stopper(captured, fresh, plan)
    _check_net(captured["net"], fresh["net"], captured["epoch"])
    if fresh["global_rng"] is None:
        _like(captured["global_rng"], None, "the generator")
    else:
        check_generators(captured["global_rng"], fresh["global_rng"])


def check_generators(states: Any, fresh: Any) -> None:
    """Raise where states of generators are not of these generators."""
    _like(states, fresh, "the state of a generator")


def _check_stepper(
    stepper: Any, fresh: Any, example: Mapping[int, Any], *, shaped: bool
) -> None:
    _keys(stepper, fresh, "the optimizer")
    _require(stepper["kind"] == fresh["kind"], "the optimizer is another")
    _keys(stepper["optimizer"], fresh["optimizer"], "the optimizer")
    groups = fresh["optimizer"]["param_groups"]
    _like(stepper["optimizer"]["param_groups"], groups, "a group of weights")
    n_pieces = sum(len(group["params"]) for group in groups)
    slots, weights = stepper["optimizer"]["state"], fresh["weights"]
    _check_slots(slots, example, n_pieces, None if shaped else weights)
    _whole(stepper["steps_done"], "the number of steps")
    _like(stepper["weights"], fresh["weights"], "what stands for the weights")
    _check_buffers(stepper["buffers"], fresh["buffers"])
    best, waited, factor = _items(stepper["plateau"], 3, "the schedule")
    _number(best, "the schedule", finite=False)
    _whole(waited, "the schedule")
    _number(factor, "the schedule", least=0.0)
    _check_average(stepper["average"], fresh)
    _like(stepper["scaler"], fresh["scaler"], "the scale of gradients")


def _check_buffers(buffers: Any, fresh: Sequence[torch.Tensor]) -> None:
    """Compare what a network keeps count of; its tables of positions never change."""
    _like(buffers, fresh, "what stands for the buffers")
    for buffer, one in zip(buffers, fresh, strict=True):
        fixed = one.dim() > 0 and not one.is_floating_point()
        _require(not fixed or torch.equal(buffer, one), "a table is another")


def _check_slots(
    slots: Any, example: Mapping[int, Any], n_pieces: int, weights: torch.Tensor | None
) -> None:
    """Compare what an optimizer keeps with what one of other weights would keep.

    Those are two of each parameter; without `weights`, as many as there are.
    """
    _require(isinstance(slots, Mapping), "the optimizer keeps nothing")
    _require(set(slots) <= set(range(n_pieces)), "the optimizer has other weights")
    total = 0
    for number, slot in slots.items():
        usual = example.get(number)
        _require(isinstance(slot, Mapping), "the optimizer keeps nothing")
        if not slot or usual is None:
            continue
        _require(set(slot) <= set(usual), "the optimizer keeps something else")
        late = {name for name, like in usual.items() if isinstance(like, list)}
        _require({*usual} - late <= set(slot), "the optimizer keeps less")
        for name in _OF_SQUARES & slot.keys():
            good = not isinstance(slot[name], torch.Tensor) or bool(
                (slot[name] >= 0).all()
            )
            _require(good, "a sum of squares is below 0")
        if weights is None:
            alike = {name: slot[name] for name in slot if name not in late}
            _like(alike, {name: usual[name] for name in alike}, "the optimizer")
            continue
        sizes = {_size(slot[name], usual[name], weights) for name in slot} - {None}
        _require(len(sizes) <= 1, "the optimizer keeps weights of several sizes")
        total += sum(size or 0 for size in sizes)
    if weights is None:
        return
    _require(total <= weights.numel(), "the optimizer keeps more weights")
    if n_pieces == 1:
        _require(total in (0, weights.numel()), "the optimizer keeps fewer weights")


def _size(value: Any, like: Any, weights: torch.Tensor) -> int | None:
    """Return of how many weights a value is, None where of none; raise on others."""
    if isinstance(like, list):
        _require(isinstance(value, list), "the optimizer keeps no list")
        # L-BFGS has lists that are filled as it goes.
        given = [item for item in value if item is not None] if like else []
        items = [_size(item, like[0], weights) for item in given]
        _require(len(set(items)) <= 1, "the optimizer keeps weights of several sizes")
        return items[0] if items else None
    if not isinstance(like, torch.Tensor) or like.shape != (2,):
        if _is_scalar(like):
            # L-BFGS has numbers that become tensors.
            _require(_is_scalar(value), "what the optimizer keeps is no number")
        else:
            _like(value, like, "what the optimizer keeps")
        return None
    same = isinstance(value, torch.Tensor) and value.dim() == 1
    _require(same and value.dtype == like.dtype, "the optimizer keeps no weights")
    _require(bool(torch.isfinite(value).all()), "the optimizer keeps no finite numbers")
    return int(value.numel())


def _is_scalar(value: Any) -> bool:
    return type(value) in (int, float) or (
        isinstance(value, torch.Tensor) and value.numel() == 1
    )


def _check_average(average: Any, fresh: Mapping[str, Any]) -> None:
    if fresh["average"] is None:
        _like(average, None, "the average")
        return
    _keys(average, fresh["average"], "the average")
    _whole(average["count"], "the average")
    if average["weights"] is not None:
        _like(average["weights"], fresh["weights"], "the average")
    floats = [b for b in fresh["buffers"] if b.is_floating_point()]
    if average["buffers"] != []:
        _like(average["buffers"], floats, "the average")


def _check_stopper(captured: Any, fresh: Any, plan: TrainingPlan) -> None:
    stopper, stepper = captured["stopper"], fresh["stepper"]
    _keys(stopper, fresh["stopper"], "the best epoch")
    for name in ("best", "reference"):
        _number(stopper[name], "the best epoch", finite=False)
    for name in ("best_epoch", "level", "waited"):
        _whole(stopper[name], "the best epoch")
    n_monitors = len(Stopper(plan.stopping).monitors)
    _require(stopper["level"] < n_monitors, "what was watched is unknown")
    _require(1 <= stopper["best_epoch"] <= captured["epoch"], "no epoch is the best")
    if plan.stopping.restore_best:
        _like(stopper["weights"], stepper["weights"], "the best weights")
        _check_buffers(stopper["buffers"], stepper["buffers"])
    else:
        _like(stopper["weights"], None, "the best weights")
        _like(stopper["buffers"], [], "the best weights")


def _check_net(net: Any, fresh: Any, n_epochs: int) -> None:
    _keys(net, fresh, "the history")
    columns, first = net["columns"], net["first_loss"]
    _require(type(net["n_rows"]) is int and net["n_rows"] == n_epochs, "epochs lack")
    _require(isinstance(columns, Mapping), "the history has no columns")
    _require({*_OF_AN_EPOCH} <= columns.keys(), "the history lacks a column")
    for name, column in columns.items():
        _require(type(name) is str, "the history has a column without a name")
        values = column.tolist() if hasattr(column, "tolist") else column
        values = _items(values, n_epochs, f"the column {name:.40}")
        known = name in _OF_AN_EPOCH
        kinds = (int,) if name == "epoch" else (float, int, bool)
        missing = () if known else (type(None),)
        good = all(type(value) in (*kinds, *missing) for value in values)
        _require(good, f"the column {name:.40} holds no figures")
    if first is not None:
        _number(first, "the first loss")
    _require(isinstance(net["best_losses"], Mapping), "there are no best losses")
    for name, best in net["best_losses"].items():
        _require(type(name) is str, "a best loss has no name")
        _number(best, "a best loss", finite=False)


def _like(value: Any, like: Any, what: str) -> None:
    """Raise unless a value is of the kind, shape and dtype of another."""
    if isinstance(like, Mapping):
        _keys(value, like, what)
        for key in like:
            _like(value[key], like[key], what)
    elif isinstance(like, (list, tuple)):
        pairs = zip(_items(value, len(like), what), like, strict=True)
        for item, one in pairs:
            _like(item, one, what)
    elif isinstance(like, torch.Tensor):
        same = isinstance(value, torch.Tensor) and value.shape == like.shape
        _require(same and value.dtype == like.dtype, f"{what} is of another shape")
        if like.is_floating_point():
            _require(bool(torch.isfinite(value).all()), f"{what} is not finite")
    elif type(like) is float:
        _number(value, what, finite=False)
        _require(not math.isnan(value), f"{what} is no number")
    else:
        _require(type(value) is type(like), f"{what} is of another kind")


def _keys(value: Any, like: Mapping[Any, Any], what: str) -> None:
    same = isinstance(value, Mapping) and value.keys() == like.keys()
    _require(same, f"{what} has other parts")


def _items(value: Any, n_items: int, what: str) -> Sequence[Any]:
    listed = isinstance(value, (list, tuple)) and len(value) == n_items
    _require(listed, f"{what} has more or fewer parts")
    items: Sequence[Any] = value
    return items


def _whole(value: Any, what: str, least: int = 0) -> None:
    good = type(value) is int and least <= value < 2**63
    _require(good, f"{what} is no count")


def _number(
    value: Any, what: str, *, least: float = -math.inf, finite: bool = True
) -> None:
    _require(type(value) in (int, float), f"{what} is no number")
    _require(not finite or math.isfinite(value), f"{what} is no finite number")
    _require(not value < least, f"{what} is below {least:g}")


def _require(holds: object, what: str) -> None:
    if not holds:
        raise PersistenceError(
            f"The checkpoint does not hold what it should: {what}. Begin afresh with "
            "resume=False, or take another copy."
        )
