"""Networks for texts: a vector for each text, then a perceptron."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from skdeep.networks._dropout import GeneratorDropout
from skdeep.networks._mlp import MLP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from skdeep._typing import Activation

# Of the first vectors. Small, so that what a word says is learnt and not drawn; the
# result hardly depends on it.
LARGEST = 0.05


class TextNetwork(nn.Module):
    """Perceptron on a vector of each text, with raw outputs.

    Parameters
    ----------
    embedding : nn.Module
        Maps a batch of texts to vectors of its `width`: `BagEmbedding` or
        `ConvEmbedding`.
    hidden_layer_sizes : sequence of int
        Width of each hidden layer; empty for a linear model of the vector.
    n_outputs : int
        Number of outputs: logits or regression outputs.
    embedding_dropout : float, default=0.0
        Probability in [0, 1) of dropping a number of the vector.
    activation : str, nn.Module class or callable, or a sequence, default="relu"
        Activation of the hidden layers, or one for each.
    normalization : {"batch", "layer"} or None, default=None
        Normalization of the hidden layers, see `MLP`.
    dropout : float or sequence of float, default=0.0
        Probability in [0, 1) of dropping a hidden unit, or one for each hidden layer.
    residual : bool, default=False
        Whether to add to the output of a hidden layer its input where widths agree.
    dtype : torch.dtype, default=torch.float32
        Floating type of the perceptron's parameters.
    generator : torch.Generator or None, default=None
        Source of the initial weights, on the CPU. None is a new generator of seed 0.

    Attributes
    ----------
    embedding : nn.Module
        As passed.
    head : MLP
        The perceptron.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import ConvEmbedding, TextNetwork
    >>> embedding = ConvEmbedding(torch.zeros(10, 4), 6, (2, 3))
    >>> module = TextNetwork(embedding, (16,), 3)
    >>> module(torch.tensor([[1, 2, 3], [4, 0, 0]])).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        embedding: nn.Module,
        hidden_layer_sizes: Sequence[int],
        n_outputs: int,
        *,
        embedding_dropout: float = 0.0,
        activation: Activation | Sequence[Activation] = "relu",
        normalization: Literal["batch", "layer"] | None = None,
        dropout: float | Sequence[float] = 0.0,
        residual: bool = False,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.dropout = GeneratorDropout(embedding_dropout)
        self.head = MLP(
            int(embedding.width),  # type: ignore[arg-type]  # an int, which torch hides
            hidden_layer_sizes,
            n_outputs,
            activation=activation,
            normalization=normalization,
            dropout=dropout,
            residual=residual,
            dtype=dtype,
            generator=generator,
        )

    def forward(self, x: Any) -> Tensor:
        """Map texts to raw outputs.

        Parameters
        ----------
        x : object
            A batch of texts as the embedding takes it.

        Returns
        -------
        outputs : Tensor of shape (batch, n_outputs)
            Logits or regression outputs.
        """
        outputs: Tensor = self.head(self.dropout(self.features(x)))
        return outputs

    def features(self, x: Any) -> Tensor:
        """Map texts to what the perceptron takes.

        Parameters
        ----------
        x : object
            A batch of texts as the embedding takes it.

        Returns
        -------
        features : Tensor of shape (batch, width)
            A vector for each text.
        """
        vectors: Tensor = self.embedding(x)
        return vectors


def draw_vectors(
    n_vectors: int, width: int, dtype: torch.dtype, generator: torch.Generator
) -> Tensor:
    """Return the first vectors of words or n-grams: uniform, and small.

    Parameters
    ----------
    n_vectors : int
        How many.
    width : int
        Numbers in a vector.
    dtype : torch.dtype
        Floating type of the result.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    vectors : Tensor of shape (n_vectors, width)
        In [-0.05, 0.05].
    """
    # One seed gives the same vectors in every dtype.
    drawn = torch.empty((n_vectors, width), dtype=torch.float64)
    return drawn.uniform_(-LARGEST, LARGEST, generator=generator).to(dtype)
