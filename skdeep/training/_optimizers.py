"""From the name of an optimizer to one that steps, over a flat parameter if it can."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from skdeep.training._bare_optimizers import Watch, bare_step, compiler_left_out

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
# They treat each number by itself, L-BFGS all numbers as one vector: the shapes of the
# parameters are nothing to them. A class made of one of these may well see a shape.
_SHAPELESS = {
    torch.optim.Adadelta,
    torch.optim.Adagrad,
    torch.optim.Adam,
    torch.optim.AdamW,
    torch.optim.Adamax,
    torch.optim.ASGD,
    torch.optim.LBFGS,
    torch.optim.NAdam,
    torch.optim.RAdam,
    torch.optim.RMSprop,
    torch.optim.Rprop,
    torch.optim.SGD,
}
_WITH_BETAS = ("adam", "adamw", "nadam", "radam")
_FUSED_DEVICES = ("cpu", "cuda")


def kind_of(plan: OptimizerPlan) -> type[torch.optim.Optimizer]:
    """Return the class that a plan names."""
    return OPTIMIZERS[plan.name] if isinstance(plan.name, str) else plan.name


def sees_shapes(plan: OptimizerPlan) -> bool:
    """Tell whether an optimizer may do another step on a flat parameter."""
    return kind_of(plan) not in _SHAPELESS


@functools.cache
def _step_parameters(kind: type[torch.optim.Optimizer]) -> dict[str, Any]:
    return dict(inspect.signature(kind.step).parameters)


def needs_closure(kind: type[torch.optim.Optimizer]) -> bool:
    """Tell whether `step` cannot be called without a closure, as that of L-BFGS."""
    parameters = _step_parameters(kind)  # type: ignore[arg-type]  # classes do hash
    closure = parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


def build_optimizer(
    plan: OptimizerPlan, *groups: tuple[Sequence[torch.nn.Parameter], float]
) -> torch.optim.Optimizer:
    """Return the optimizer a plan names, fused where torch has a fused step.

    Weight decay is left to the engine, which applies it decoupled from the gradient
    (Loshchilov & Hutter 2019, :arxiv:`1711.05101`) to every optimizer alike; so
    "adam" with weight decay is "adamw".

    Parameters
    ----------
    plan : OptimizerPlan
        Names, rates and further arguments; the latter win.
    *groups : tuple (sequence of torch.nn.Parameter, float)
        What is to be optimized, with what the learning rate is multiplied by.

    Returns
    -------
    optimizer : torch.optim.Optimizer
        With these groups.

    Raises
    ------
    ValueError
        If the optimizer does not take one of the further arguments, or the parameters.
    """
    factory = kind_of(plan)
    _check_muon(factory, groups)
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
    if "fused" in known and _can_fuse(factory, groups[0][0][0], arguments):
        arguments["fused"] = True
    try:
        with compiler_left_out():
            optimizer = factory([{"params": list(p)} for p, _ in groups], **arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{factory.__name__} refused its arguments {arguments!r}: {error}. Correct "
            "'optimizer_params'."
        ) from error
    for group, (_, factor) in zip(optimizer.param_groups, groups, strict=True):
        if "lr" in group:
            group["lr"] *= factor
    return optimizer


def _check_muon(
    factory: type[torch.optim.Optimizer],
    groups: Sequence[tuple[Sequence[torch.nn.Parameter], float]],
) -> None:
    """Refuse what Muon is not made for, before it does so in terms of its own."""
    # torch 2.9 and later.
    muon = getattr(torch.optim, "Muon", None)
    if muon is None or not issubclass(factory, muon):
        return
    shapes = [tuple(p.shape) for parameters, _ in groups for p in parameters]
    others = [shape for shape in shapes if len(shape) != 2]
    if others:
        raise ValueError(
            f"The 'optimizer' {factory.__name__} steps matrices only, and this network "
            f"has {len(others)} parameters that are none, such as one of shape "
            f"{others[0]}. Pass a class that gives these to another optimizer, or "
            "choose another, e.g. 'adamw'."
        )


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
    the same to the last bit. The others do without the hooks, as long as there are
    none.

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
    bare = bare_step(optimizer)
    if kernel is None or not _is_plain_adam(optimizer) or not Watch.can(optimizer):
        return bare
    watch = Watch(optimizer)
    groups, states = optimizer.param_groups, optimizer.state
    group: dict[str, Any] = groups[0]
    state: dict[str, Any] = {}

    @torch.no_grad()
    def step() -> None:
        nonlocal groups, states, group, state
        gradient = parameter.grad
        if (
            not state
            or gradient is None
            or optimizer.state is not states
            or optimizer.param_groups is not groups
            or group["weight_decay"]
            or group["amsgrad"]
            or group["maximize"]
            or watch.sees()
        ):
            # It makes the state, and is what torch's schedulers watch for.
            bare()
            groups, states = optimizer.param_groups, optimizer.state
            group, state = groups[0], states.get(parameter, {})
            return
        # Looked up at every step: OneCycleLR changes the betas as well as the rate.
        beta1, beta2 = group["betas"]
        state["step"].add_(1)
        kernel(
            [parameter],
            [gradient],
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


def _is_plain_adam(optimizer: torch.optim.Optimizer) -> bool:
    group = optimizer.param_groups[0]
    return (
        type(optimizer) in (torch.optim.Adam, torch.optim.AdamW)
        and bool(group.get("fused"))
        and not (group["amsgrad"] or group["maximize"] or group["weight_decay"])
    )


def set_learning_rate(
    optimizer: torch.optim.Optimizer, rate: float, factors: Sequence[float] = (1.0,)
) -> None:
    """Set the learning rate of every group to `rate` times its factor."""
    for group, factor in zip(optimizer.param_groups, factors, strict=True):
        group["lr"] = rate * factor
