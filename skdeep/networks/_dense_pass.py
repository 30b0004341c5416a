"""Forward and backward pass of dense layers, written out without autograd.

Autograd records every operation in a graph, and for small batches the graph costs more
than the products of matrices. A perceptron needs none: the gradient of each of its
layers is known beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from skdeep.networks._dropout import GeneratorDropout, draw_mask_

if TYPE_CHECKING:
    from torch import Tensor

_ops: Any = torch.ops.aten
# Where modules and tensors of torch keep their hooks.
_HOOKS: Final = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_post_accumulate_grad_hooks",
)
_WITH_RULE_OF_THEIR_OWN: Final = (nn.Linear, nn.LayerNorm, GeneratorDropout)


@dataclass(frozen=True)
class ActivationRule:
    """How to apply an activation, and how a gradient passes through it.

    Attributes
    ----------
    apply : callable
        From the module and its input to its output. It may overwrite the input if
        `keeps_input` is False.
    gradient : callable
        From the module, the gradient by the output, and the input or the output, to the
        gradient by the input.
    keeps_input : bool
        Whether `gradient` takes the input rather than the output.
    """

    apply: Callable[[Any, Tensor], Tensor]
    gradient: Callable[[Any, Tensor, Tensor], Tensor]
    keeps_input: bool = False


RULES: Final[Mapping[type[nn.Module], ActivationRule]] = MappingProxyType(
    {
        nn.Identity: ActivationRule(lambda _, z: z, lambda _, grad, y: grad),
        nn.ReLU: ActivationRule(
            lambda _, z: torch.relu_(z),
            lambda _, grad, y: _ops.threshold_backward(grad, y, 0),
        ),
        nn.Sigmoid: ActivationRule(
            lambda _, z: torch.sigmoid_(z),
            lambda _, grad, y: _ops.sigmoid_backward(grad, y),
        ),
        nn.Tanh: ActivationRule(
            lambda _, z: torch.tanh_(z), lambda _, grad, y: _ops.tanh_backward(grad, y)
        ),
        nn.LeakyReLU: ActivationRule(
            lambda leaky, z: leaky(z),
            lambda leaky, grad, z: _ops.leaky_relu_backward(
                grad, z, leaky.negative_slope, False
            ),
            keeps_input=True,
        ),
        nn.ELU: ActivationRule(
            lambda elu, z: elu(z),
            lambda elu, grad, z: _ops.elu_backward(grad, elu.alpha, 1, 1, False, z),
            keeps_input=True,
        ),
        nn.SELU: ActivationRule(
            lambda selu, z: selu(z),
            lambda _, grad, z: _ops.elu_backward(
                grad, _SELU_ALPHA, _SELU_SCALE, 1, False, z
            ),
            keeps_input=True,
        ),
        nn.GELU: ActivationRule(
            lambda gelu, z: gelu(z),
            lambda gelu, grad, z: _ops.gelu_backward(
                grad, z, approximate=gelu.approximate
            ),
            keeps_input=True,
        ),
        nn.SiLU: ActivationRule(
            lambda silu, z: silu(z),
            lambda _, grad, z: _ops.silu_backward(grad, z),
            keeps_input=True,
        ),
        nn.Mish: ActivationRule(
            lambda mish, z: mish(z),
            lambda _, grad, z: _ops.mish_backward(grad, z),
            keeps_input=True,
        ),
        nn.Softplus: ActivationRule(
            lambda softplus, z: softplus(z),
            lambda softplus, grad, z: _ops.softplus_backward(
                grad, z, softplus.beta, softplus.threshold
            ),
            keeps_input=True,
        ),
        nn.Hardswish: ActivationRule(
            lambda hardswish, z: hardswish(z),
            lambda _, grad, z: _ops.hardswish_backward(grad, z),
            keeps_input=True,
        ),
    }
)
# Klambauer et al. 2017, to the digits that torch computes with.
_SELU_ALPHA: Final = 1.6732632423543772848170429916717
_SELU_SCALE: Final = 1.0507009873554804934193349852946


class _DenseLayer:
    """Linear map, normalization, activation and dropout, forward and backward."""

    def __init__(
        self,
        parts: list[nn.Module],
        gradients: Mapping[nn.Parameter, Tensor],
        *,
        skips: bool,
        first: bool,
    ) -> None:
        kinds = {type(part): part for part in parts}
        linear: Any = parts[0]
        # A module looks its parameters up slowly, and this is asked at every step.
        self.weight, self.bias = linear.weight, linear.bias
        self.weight_gradient = gradients[linear.weight]
        self.bias_gradient = gradients[linear.bias]
        norm: Any = kinds.get(nn.LayerNorm)
        self.norm = None if norm is None else _Normalization(norm, gradients)
        self.dropout: Any = kinds.get(GeneratorDropout)
        self.mask: Tensor | None = None
        self.activation = next((part for part in parts if type(part) in RULES), None)
        self.rule = None if self.activation is None else RULES[type(self.activation)]
        self.skips, self.first = skips, first

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, n_inputs) to (batch, width) and keep what `backward` needs."""
        self.x = x
        y = nn.functional.linear(x, self.weight, self.bias)
        if self.norm is not None:
            y = self.norm.forward(y)
        if self.rule is not None:
            z, y = y, self.rule.apply(self.activation, y)
            self.kept = z if self.rule.keeps_input else y
        if self.dropout is not None:
            self.mask = _draw_mask(self.dropout, y)
            y = y if self.mask is None else y * self.mask
        return x + y if self.skips else y

    def backward(self, grad: Tensor) -> Tensor:
        """Write the gradients of the parameters; return that of the inputs."""
        below = grad
        if self.mask is not None:
            grad = grad * self.mask
        if self.rule is not None:
            grad = self.rule.gradient(self.activation, grad, self.kept)
        if self.norm is not None:
            grad = self.norm.backward(grad)
        torch.mm(grad.t(), self.x, out=self.weight_gradient)
        torch.sum(grad, 0, out=self.bias_gradient)
        if self.first:
            return grad
        through = torch.mm(grad, self.weight)
        return below + through if self.skips else through


def _draw_mask(dropout: GeneratorDropout, y: Tensor) -> Tensor | None:
    p, generator = dropout.p * dropout.p_share, dropout.generator
    if p == 0.0 or generator is None:
        return None
    return draw_mask_(torch.empty_like(y), p, generator)


class _Normalization:
    """Layer normalization, forward and backward."""

    def __init__(
        self, norm: nn.LayerNorm, gradients: Mapping[nn.Parameter, Tensor]
    ) -> None:
        self.parameters = (norm.weight, norm.bias)
        self.gradients = [gradients[parameter] for parameter in self.parameters]
        self.shape, self.eps = norm.normalized_shape, norm.eps

    def forward(self, z: Tensor) -> Tensor:
        """Normalise the rows of (batch, width)."""
        y, mean, scale = torch.native_layer_norm(
            z, self.shape, *self.parameters, self.eps
        )
        self.kept = (z, self.shape, mean, scale)
        return y

    def backward(self, grad: Tensor) -> Tensor:
        """Write the gradients of scale and shift; return that of the inputs."""
        grad, *found = _ops.native_layer_norm_backward(
            grad, *self.kept, *self.parameters, [True, True, True]
        )
        for gradient, value in zip(self.gradients, found, strict=True):
            gradient.copy_(value)
        return grad


class DensePass:
    """Forward and backward pass of a perceptron in training, without autograd.

    Backpropagation [1]_ as it is written in textbooks. In the forward pass each layer
    keeps its inputs and its activations. In the backward pass ``grad`` is the gradient
    of the loss by the outputs of a layer; it is multiplied by the derivative of the
    activation. Then ``grad.T @ inputs`` is the gradient of the weights, the sum of
    ``grad`` over the rows that of the biases, and ``grad @ weight`` that of the inputs,
    which the layer before goes on with.

    Parameters
    ----------
    layers : list of tuple (list of nn.Module, bool)
        The modules of each layer, a linear map first, and whether the input of the
        layer is added to its output.
    gradients : mapping of nn.Parameter to Tensor
        Where the gradient of each parameter is written, of its shape.

    See Also
    --------
    MLP.dense_pass : The pass of a perceptron.

    References
    ----------
    .. [1] D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning Representations by
       Back-Propagating Errors", Nature 323, 1986, 533-536.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import MLP
    >>> module = MLP(4, (8,), 3)
    >>> gradients = {p: torch.empty_like(p) for p in module.parameters()}
    >>> X = torch.arange(20.0).reshape(5, 4)
    >>> with torch.no_grad():
    ...     dense = module.dense_pass(gradients)
    ...     output = dense.forward(X)
    ...     dense.backward(torch.ones_like(output))
    >>> module(X).sum().backward()
    >>> all(torch.allclose(p.grad, grad) for p, grad in gradients.items())
    True
    """

    def __init__(
        self,
        layers: Sequence[tuple[list[nn.Module], bool]],
        gradients: Mapping[nn.Parameter, Tensor],
    ) -> None:
        self.layers = [
            _DenseLayer(parts, gradients, skips=skips, first=index == 0)
            for index, (parts, skips) in enumerate(layers)
        ]

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs to raw outputs as the modules do in training mode.

        Parameters
        ----------
        x : Tensor of shape (batch, n_inputs)
            Of the dtype and on the device of the parameters.

        Returns
        -------
        outputs : Tensor of shape (batch, n_outputs)
            Logits or regression outputs.
        """
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad: Tensor) -> None:
        """Write the gradients of all parameters.

        Parameters
        ----------
        grad : Tensor of shape (batch, n_outputs)
            Gradient of the loss by the outputs of the last `forward`.
        """
        for layer in reversed(self.layers):
            grad = layer.backward(grad)


def has_rule(part: nn.Module) -> bool:
    """Tell whether `DensePass` knows how to compute a part of a layer.

    Parameters
    ----------
    part : nn.Module
        A linear map, normalization, activation or dropout.

    Returns
    -------
    has_rule : bool
        False for batch normalization, for activations that are not torch's, and for
        some of torch's that overwrite their input.
    """
    rule = RULES.get(type(part))
    if rule is None:
        return isinstance(part, _WITH_RULE_OF_THEIR_OWN)
    return not (rule.keeps_input and getattr(part, "inplace", False))


def is_watched(module: nn.Module) -> bool:
    """Tell whether autograd would do more, or less, than compute all gradients.

    Parameters
    ----------
    module : nn.Module
        The modules within it are not looked at.

    Returns
    -------
    is_watched : bool
        Whether the module or a parameter of it has hooks, or a parameter is frozen.
    """
    hooked: Any = [module, *module.parameters(recurse=False)]
    return any(getattr(part, name, None) for part in hooked for name in _HOOKS) or any(
        not parameter.requires_grad for parameter in hooked[1:]
    )
