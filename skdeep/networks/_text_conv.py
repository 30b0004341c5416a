"""Convolution over the words of a text, largest response kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from skdeep.networks._convnet import initialize_convolution_

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class _Convolution(nn.Conv1d):
    """Convolution that draws nothing from torch's global generator when it is made."""

    def reset_parameters(self) -> None:
        """Leave the weights to `initialize_convolution_`."""


class ConvEmbedding(nn.Module):
    """One vector for each text: the largest responses of windows over its words.

    Word vectors -> convolutions of several widths -> ReLU -> the largest response of
    each channel over the text [1]_. What a text is filled up with in a batch has no
    part in it.

    Parameters
    ----------
    table : Tensor of shape (1 + n_words, width)
        The first vectors; that of row 0, which stands for no word, is set to zero and
        stays so.
    conv_channels : int
        Channels of each convolution.
    kernel_sizes : sequence of int
        Words in the window of each convolution.
    known : Tensor of shape (n_known, width) or None, default=None
        Vectors that are not to be trained, of words with the numbers from 1 to
        `n_known`; those of the table come after them.
    generator : torch.Generator or None, default=None
        Source of the initial weights, on the CPU. None is a new generator of seed 0.

    Attributes
    ----------
    table : nn.Parameter of shape (1 + n_words, width)
        The vectors.
    words : nn.Identity
        Where the vectors of the words can be seen.
    convolutions : nn.ModuleList
        One for each of `kernel_sizes`.

    References
    ----------
    .. [1] Y. Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP
       2014, arXiv:1408.5882.
    """

    decaying_parameters = ("table",)

    known: Tensor | None

    def __init__(
        self,
        table: Tensor,
        conv_channels: int,
        kernel_sizes: Sequence[int],
        known: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if generator is None:
            generator = torch.Generator().manual_seed(0)
        table[0] = 0.0
        self.table = nn.Parameter(table)
        self.register_buffer("known", known)
        self.words = nn.Identity()
        self.convolutions = nn.ModuleList()
        for kernel in kernel_sizes:
            convolution = _Convolution(
                table.shape[1], conv_channels, kernel, device="cpu", dtype=table.dtype
            )
            initialize_convolution_(convolution, "relu", generator)
            self.convolutions.append(convolution)
        self.width = conv_channels * len(kernel_sizes)

    def forward(self, words: Tensor) -> Tensor:
        """Map a batch of texts to vectors.

        Parameters
        ----------
        words : Tensor of int64 of shape (batch, length)
            By number; 0 where a text has ended.

        Returns
        -------
        vectors : Tensor of shape (batch, width)
            At least 0.
        """
        vectors = self.words(self._vectors(words)).transpose(1, 2)
        ended = (words == 0).unsqueeze(1)
        # A text without words responds to nothing, as zeros do.
        ended[:, :, 0] = False
        responses = []
        for convolution in self.convolutions:
            (kernel,) = convolution.kernel_size  # type: ignore[misc]  # of Conv1d
            around = ((kernel - 1) // 2, kernel // 2)
            padded = nn.functional.pad(vectors, around)
            response = convolution(padded).masked_fill(ended, float("-inf"))
            responses.append(response.amax(dim=2).relu())
        return torch.cat(responses, dim=1)

    def _vectors(self, words: Tensor) -> Tensor:
        """Return the vectors of words, zero where there is none."""
        known = self.known
        if known is None:
            return nn.functional.embedding(words, self.table, padding_idx=0)
        n_known = len(known)
        trained = nn.functional.embedding(
            (words - n_known).clamp(min=0), self.table, padding_idx=0
        )
        is_known = (words > 0) & (words <= n_known)
        fixed = nn.functional.embedding((words - 1).clamp(0, n_known - 1), known)
        return torch.where(is_known.unsqueeze(2), fixed, trained)
