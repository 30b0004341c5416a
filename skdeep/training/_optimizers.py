"""From the name of an optimizer to one that steps over a flat parameter."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from skdeep.training._bare_optimizers import bare_step, compiler_left_out, has_hooks

if TYPE_CHECKING:
    from skdeep._plan import OptimizerPlan

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "lbfgs": torch.optim.LBFGS,
}
_WITH_BETAS = ("adam", "adamw", "nadam", "radam")
_FUSED_DEVICES = ("cpu", "cuda")


def build_optimizer(
    plan: OptimizerPlan, *pieces: tuple[torch.nn.Parameter, float]
) -> torch.optim.Optimizer:
    """Return the optimizer a plan names, fused where torch has a fused step.

    Weight decay is left to the engine, which applies it decoupled from the gradient
    (Loshchilov & Hutter 2019, :arxiv:`1711.05101`) to every optimizer alike; so
    "adam" with weight decay is "adamw".

    Parameters
    ----------
    plan : OptimizerPlan
        Names, rates and further arguments; the latter win.
    *pieces : tuple (torch.nn.Parameter, float)
        What is to be optimized, each with what its learning rate is multiplied by.

    Returns
    -------
    optimizer : torch.optim.Optimizer
        With a group for each piece.

    Raises
    ------
    ValueError
        If the optimizer does not take one of the further arguments.
    """
    factory = OPTIMIZERS[plan.name] if isinstance(plan.name, str) else plan.name
    known, open_ended = _parameters(factory)  # type: ignore[arg-type]  # they do hash
    arguments = _arguments(plan)
    if "lr" in known and "lr" not in arguments:
        arguments["lr"] = plan.learning_rate
    if "weight_decay" in known:
        # AdamW has a decay of its own by default.
        arguments["weight_decay"] = 0.0
    unknown = [name for name in plan.params if name not in known]
    if unknown and not open_ended:
        raise ValueError(
            f"The 'optimizer_params' parameter must hold arguments of "
            f"{factory.__name__}. Got {unknown[0]!r}. Choose from "
            f"{', '.join(known[1:])}."
        )
    arguments.update(plan.params)
    if "fused" in known and _can_fuse(factory, pieces[0][0], arguments):
        arguments["fused"] = True
    groups = [{"params": [piece]} for piece, _ in pieces]
    try:
        with compiler_left_out():
            optimizer = factory(groups, **arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{factory.__name__} refused its arguments {arguments!r}: {error}. Correct "
            "'optimizer_params'."
        ) from error
    for group, (_, factor) in zip(optimizer.param_groups, pieces, strict=True):
        if "lr" in group:
            group["lr"] *= factor
    return optimizer


@functools.cache
def _parameters(factory: type[torch.optim.Optimizer]) -> tuple[tuple[str, ...], bool]:
    """Return the names of the arguments, and whether any other is taken as well."""
    parameters = inspect.signature(factory).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    return tuple(parameters), inspect.Parameter.VAR_KEYWORD in kinds


def _arguments(plan: OptimizerPlan) -> dict[str, Any]:
    if plan.name == "lbfgs":
        # One iteration an epoch; the line search, not a rate, sets the step length.
        return {
            "lr": 1.0,
            "max_iter": 1,
            "max_eval": 25,
            "history_size": 10,
            "line_search_fn": "strong_wolfe",
        }
    if plan.name == "sgd":
        nesterov = plan.nesterov and plan.momentum > 0
        return {"momentum": plan.momentum, "nesterov": nesterov}
    if plan.name in _WITH_BETAS:
        return {"betas": plan.betas}
    return {}


def _can_fuse(
    factory: type[torch.optim.Optimizer],
    parameter: torch.nn.Parameter,
    arguments: dict[str, Any],
) -> bool:
    # torch 2.6 fuses Adagrad on the CPU only; of foreign classes nothing is known.
    devices = ("cpu",) if factory is torch.optim.Adagrad else _FUSED_DEVICES
    return (
        factory.__module__.startswith("torch.optim.")
        and not {"fused", "foreach", "differentiable", "capturable"} & set(arguments)
        and parameter.device.type in devices
        and parameter.dtype in (torch.float32, torch.float64)
    )


def direct_step(
    optimizer: torch.optim.Optimizer, parameter: torch.nn.Parameter
) -> Callable[[], object]:
    """Return the cheapest call that steps an optimizer over one flat parameter.

    `Optimizer.step` spends six times as long on hooks, profiling and lists of tensors
    as on the update of a small network. For fused Adam and AdamW in their plain form
    torch's own kernel is called instead, on the optimizer's own state; the result is
    the same to the last bit. The others do without the hooks.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        With one group of one parameter.
    parameter : torch.nn.Parameter
        That parameter, with its gradient in place.

    Returns
    -------
    step : callable
        Takes no arguments.
    """
    kernel = getattr(torch, "_fused_adam_", None)
    group = optimizer.param_groups[0]
    plain = (
        type(optimizer) in (torch.optim.Adam, torch.optim.AdamW)
        and group.get("fused")
        and not (group["amsgrad"] or group["maximize"] or group["weight_decay"])
    )
    bare = bare_step(optimizer)
    if kernel is None or not plain or has_hooks(optimizer):
        return bare
    state = optimizer.state[parameter]
    begun = False

    @torch.no_grad()
    def step() -> None:
        nonlocal begun
        if not begun:
            # Makes the state, and is what torch's schedulers watch for.
            bare()
            begun = True
            return
        # Looked up at every step: OneCycleLR changes the betas as well as the rate.
        beta1, beta2 = group["betas"]
        state["step"].add_(1)
        kernel(
            [parameter],
            [parameter.grad],
            [state["exp_avg"]],
            [state["exp_avg_sq"]],
            [],
            [state["step"]],
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=0.0,
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )

    return step


def set_learning_rate(
    optimizer: torch.optim.Optimizer, rate: float, factors: Sequence[float] = (1.0,)
) -> None:
    """Set the learning rate of every group to `rate` times its factor."""
    for group, factor in zip(optimizer.param_groups, factors, strict=True):
        group["lr"] = rate * factor
