"""What an estimator does to its inputs, as plain modules of torch.

Each computes in the precision that the estimator computes in, so that the same rows
come out as the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from skdeep.data._image_layout import CHANNEL_COUNTS, flat_shape
from skdeep.data._image_resizing import resize_images
from skdeep.data._numeric import LARGEST, LIMIT

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep.data import ColumnScaler, ImageEncoder, TableEncoder
    from skdeep.data._image_layout import ChannelAxis


class NumberInputs(nn.Module):
    """Standardise the columns of a table of numbers.

    Parameters
    ----------
    scaler : ColumnScaler or None
        Fitted; None leaves numbers as they are.
    dtype : torch.dtype
        Of the network.
    """

    offset: Tensor | None
    inverse: Tensor | None

    def __init__(self, scaler: ColumnScaler | None, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        factors = None if scaler is None else scaler.factors()
        offset, inverse = (None, None) if factors is None else factors
        self.register_buffer("offset", _constant(offset))
        self.register_buffer("inverse", _constant(inverse))

    def forward(self, x: Tensor) -> Tensor:
        """Return rows (batch, n_features) as the network takes them."""
        x = as_floats(x)
        if self.offset is not None:
            x = x - self.offset.to(x.dtype)
        if self.inverse is not None:
            largest = torch.finfo(x.dtype).max
            x = x * self.inverse.clamp(max=largest).to(x.dtype)
        return x.to(self.dtype)


class MixedInputs(nn.Module):
    """Encode numbers, which may be missing, and categories by their code.

    Parameters
    ----------
    encoder : TableEncoder
        Fitted.
    dtype : torch.dtype
        Of the network.

    Attributes
    ----------
    categories : list of list
        Of each categorical column, in order: the first has the code 1, and so on. A
        category that is missing, or none of these, has the code 0.
    """

    unit: Tensor
    median: Tensor
    center: Tensor
    inverse: Tensor
    indicated: Tensor

    def __init__(self, encoder: TableEncoder, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        numbers = encoder.numbers
        self.scaling = numbers.scaling
        self.n_numeric = numbers.n_columns
        for name in ("unit", "median", "center", "inverse", "indicated"):
            self.register_buffer(name, torch.from_numpy(getattr(numbers, name).copy()))
        self.normal = _NormalScores(numbers.tables)
        columns = encoder.categories.columns
        self.categories = [list(column.codes) for column in columns]
        self.few = [i for i, column in enumerate(columns) if column.vectors is not None]
        self.many = [i for i, column in enumerate(columns) if column.vectors is None]
        for i in self.few:
            self.register_buffer(f"vectors_{i}", _constant(columns[i].vectors))

    def forward(self, numbers: Tensor, codes: Tensor | None = None) -> Tensor:
        """Return rows as the network takes them.

        Parameters
        ----------
        numbers : Tensor of shape (batch, n_numeric)
            NaN where one is missing.
        codes : Tensor of int64 of shape (batch, n_categorical) or None
            See `categories`.
        """
        given = as_floats(numbers)
        parts = [*self._scaled(given)] if self.n_numeric else []
        if codes is not None:
            for i in self.few:
                vectors: Any = getattr(self, f"vectors_{i}")
                parts.append(nn.functional.embedding(codes[:, i], vectors))
            parts += [codes[:, i : i + 1].double() for i in self.many]
        # Through the precision of the table, as the estimator does.
        return torch.cat(parts, dim=1).to(given.dtype).to(self.dtype)

    def _scaled(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        x = numbers.double()
        missing = torch.isnan(x)
        x = (x * self.unit).clamp(-LIMIT, LIMIT)
        x = torch.where(missing, self.median, x)
        if self.scaling == "quantile":
            x = self.normal(x)
        else:
            x = (x - self.center) * self.inverse
            if self.scaling == "robust_clip":
                # As hypot, but for overflow, which the limit above leaves no room for.
                x = x / torch.sqrt(1.0 + (x / 3.0) ** 2)
            else:
                x = x.clamp(-LARGEST, LARGEST)
        return x, missing.index_select(1, self.indicated).double()


class _NormalScores(nn.Module):
    """Interpolate in a table for each column, found by halving it again and again.

    Parameters
    ----------
    tables : list of tuple (ndarray, ndarray) or None
        Knots and values; None for a column that is zero throughout.
    """

    knots: Tensor
    values: Tensor
    first: Tensor
    last: Tensor

    def __init__(self, tables: list[Any]) -> None:
        super().__init__()
        pairs = [([0.0, 1.0], [0.0, 0.0]) if t is None else t for t in tables]
        self.width = max((len(knots) for knots, _ in pairs), default=2)
        shape = (len(pairs), self.width)
        knots = torch.full(shape, torch.inf, dtype=torch.float64)
        values = torch.zeros(shape, dtype=torch.float64)
        for row, (points, scores) in enumerate(pairs):
            knots[row, : len(points)] = torch.as_tensor(points, dtype=torch.float64)
            values[row, : len(points)] = torch.as_tensor(scores, dtype=torch.float64)
        sizes = torch.tensor([len(points) for points, _ in pairs], dtype=torch.int64)
        self.register_buffer("knots", knots.flatten())
        self.register_buffer("values", values.flatten())
        self.register_buffer("first", torch.arange(len(pairs)) * self.width)
        self.register_buffer("last", sizes - 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the value at x of each column, constant beyond its knots."""
        position = torch.zeros_like(x, dtype=torch.int64)
        step = 1 << (self.width - 1).bit_length()
        while step > 1:
            step //= 2
            ahead = (position + step).clamp(max=self.width - 1)
            position = torch.where(x >= self._at(self.knots, ahead), ahead, position)
        position = torch.minimum(position, self.last)
        low, high = self._at(self.knots, position), self._at(self.knots, position + 1)
        below = self._at(self.values, position)
        above = self._at(self.values, position + 1)
        found = below + (above - below) / (high - low) * (x - low)
        lowest = self._at(self.values, torch.zeros_like(position))
        highest = self._at(self.values, torch.zeros_like(position) + self.last + 1)
        return torch.minimum(torch.maximum(found, lowest), highest)

    def _at(self, flat: Tensor, position: Tensor) -> Tensor:
        return flat.index_select(0, (position + self.first).flatten()).view_as(position)


class ImageInputs(nn.Module):
    """Bring images to the size, the channels and the scale of the network.

    Parameters
    ----------
    encoder : ImageEncoder
        Fitted.
    dtype : torch.dtype
        Of the network.
    image_shape, channel_axis
        See `read_images`.

    Attributes
    ----------
    resizes : bool
        Whether images are brought to the size of the network. Where they are not, they
        must have that size.
    """

    mean: Tensor
    inverse: Tensor

    def __init__(
        self,
        encoder: ImageEncoder,
        dtype: torch.dtype,
        *,
        image_shape: tuple[int, ...] | None = None,
        channel_axis: ChannelAxis = "auto",
    ) -> None:
        super().__init__()
        self.dtype = dtype
        self.image_shape = None if image_shape is None else tuple(image_shape)
        self.channel_axis = channel_axis
        self.resizes = True
        self.size = encoder.size
        self.n_channels = int(encoder.n_channels or 1)
        self.resizing: dict[str, Any] = {
            "mode": encoder.resize_mode,
            "interpolation": encoder.interpolation,
            "margin": encoder.margin,
        }
        self.low, self.high = encoder.low, encoder.high
        self.scales = encoder.normalize is not None
        for name in ("mean", "inverse"):
            values = torch.from_numpy(getattr(encoder, name)).to(dtype)
            self.register_buffer(name, values.view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return images as the network takes them.

        Parameters
        ----------
        images : Tensor of shape (batch, n_channels, height, width)
            Pixels in the numbers of the training images: bytes, or floats. The channels
            may stand last as well, gray images may have none, and rows of
            (batch, n_pixels) are images laid out flat.
        """
        images = self._channels_first(images)
        floating = torch.float64 if self.dtype == torch.float64 else torch.float32
        if images.dtype.is_floating_point:
            images = self._unit(images)
        elif images.dtype == torch.bool:
            images = images.to(floating)
        elif images.dtype == torch.uint16:
            images = images.to(floating) / 65535.0
        elif images.dtype != torch.uint8:
            images = self._unit(images.double())
        if self.resizes:
            images = resize_images(images, self.size, **self.resizing)
        if images.dtype == torch.uint8:
            images = images.to(self.dtype) / 255.0
        images = images.to(self.dtype)
        if images.shape[1] != self.n_channels:
            images = images.expand(-1, self.n_channels, -1, -1)
        return (images - self.mean) * self.inverse if self.scales else images

    def _channels_first(self, images: Tensor) -> Tensor:
        if images.dim() == 2:
            shape = flat_shape(images.shape[1], self.image_shape, "to_torch")
            images = images.reshape(-1, *shape)
        if images.dim() == 3:
            return images.unsqueeze(1)
        last = self.channel_axis == "last" or (
            self.channel_axis == "auto"
            and images.shape[1] not in CHANNEL_COUNTS
            and images.shape[3] in CHANNEL_COUNTS
        )
        return images.permute(0, 3, 1, 2) if last else images

    def _unit(self, images: Tensor) -> Tensor:
        if (self.low, self.high) == (0.0, 1.0):
            return images
        return (images - self.low) / (self.high - self.low)


def as_floats(x: Tensor) -> Tensor:
    """Return numbers in the floating type that an estimator computes in."""
    return x if x.dtype == torch.float32 else x.double()


def _constant(values: Any) -> Tensor | None:
    return None if values is None else torch.tensor(values, dtype=torch.float64)
