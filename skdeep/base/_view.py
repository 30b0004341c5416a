"""A fitted estimator opened for inspection: its prediction, one step at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skdeep._compat import check_is_fitted, num_samples, rows_at
from skdeep._devices import plain_device, plain_torch
from skdeep._seeding import isolated_global_rng
from skdeep._threads import limit_threads, resolve_n_threads
from skdeep.base._estimator import DeepEstimator
from skdeep.base._pipelines import given_to_last, is_plain, scored_by_last
from skdeep.data import (
    BagEncoder,
    ClassTarget,
    SequenceEncoder,
    check_target_form,
)

if TYPE_CHECKING:
    from skdeep._typing import Array, MatrixLike


class FittedView:
    """What inspection may see of a fitted estimator of any family.

    Parameters
    ----------
    estimator : estimator instance
        A fitted estimator of skdeep, or a Pipeline that ends in one, or a search that
        found one.
    needed_by : str
        Public name of the function or class, for errors.

    Attributes
    ----------
    estimator : DeepEstimator
        The estimator itself.
    module : torch.nn.Module
        Its network.
    name : str
        Of its class.

    Raises
    ------
    TypeError
        If there is no estimator of skdeep.
    NotFittedError
        If it has not been fitted.
    """

    def __init__(self, estimator: Any, needed_by: str) -> None:
        self._before: list[Any] = []
        self.estimator = self._unwrap(estimator, needed_by)
        check_is_fitted(self.estimator)
        self.name = type(self.estimator).__name__
        self.module: torch.nn.Module = self.estimator.module_
        self._state = self.estimator._state
        parameter = next(self.module.parameters())
        self.device, self.dtype = parameter.device, parameter.dtype

    def _unwrap(self, estimator: Any, needed_by: str) -> DeepEstimator:
        if isinstance(estimator, DeepEstimator):
            return estimator
        if hasattr(estimator, "best_estimator_"):
            return self._unwrap(estimator.best_estimator_, needed_by)
        if hasattr(estimator, "steps") and len(estimator.steps):
            check_is_fitted(estimator)
            if len(estimator.steps) > 1:
                self._before.append(estimator)
            return self._unwrap(estimator[-1], needed_by)
        raise TypeError(
            f"{needed_by} takes a fitted estimator of skdeep, a Pipeline that ends in "
            f"one or a search over one. Got {type(estimator).__name__}."
        )

    @property
    def is_classifier(self) -> bool:
        """Whether the estimator predicts classes."""
        return isinstance(self._state.target, ClassTarget)

    @property
    def classes(self) -> Array | None:
        """The labels, in the order of the probabilities; None of a regressor."""
        target = self._state.target
        return target.classes if isinstance(target, ClassTarget) else None

    @property
    def loss_kind(self) -> str:
        """What the outputs are: "binary", "multiclass", "multilabel" or "numbers"."""
        target = self._state.target
        return target.loss_kind if isinstance(target, ClassTarget) else "numbers"

    @property
    def n_outputs(self) -> int:
        """Width of the network's last layer."""
        return int(self._state.target.n_outputs)

    @property
    def scales_inputs(self) -> bool:
        """Whether the inputs are put to another scale before the network."""
        return self._state.scaler is not None

    @property
    def sees_images(self) -> bool:
        """Whether rows are images."""
        return hasattr(self._state.scaler, "pixels")

    @property
    def sees_texts(self) -> bool:
        """Whether rows are texts."""
        return isinstance(self._state.scaler, BagEncoder | SequenceEncoder)

    def transform(self, X: MatrixLike) -> MatrixLike:
        """Return X as `predict` of a Pipeline hands it to the estimator."""
        for pipeline in self._before:
            X = given_to_last(pipeline, X)
        return X

    def _scored_rows(self, X: MatrixLike, y: Any) -> tuple[Any, Any, Array | None]:
        """Return rows and targets as `score` of a Pipeline hands them on, and which."""
        if all(map(is_plain, self._before)):
            return self.transform(X), y, None
        rows: Any = np.arange(num_samples(X))
        for pipeline in self._before:
            X, rows = scored_by_last(pipeline, X, rows)
        rows = np.asarray(rows)
        return X, rows_at(y, rows), rows

    def read(self, X: MatrixLike) -> Any:
        """Return rows of a Pipeline's X as the estimator reads them, validated."""
        return self.estimator._read(self.transform(X))

    def pixels(self, table: Any) -> torch.Tensor:
        """Return images of shape (n, n_channels, height, width) in [0, 1]."""
        pixels: torch.Tensor = self._state.scaler.pixels(table)
        return pixels

    def inputs(self, table: Any) -> torch.Tensor:
        """Return rows as all of the network takes them, on its device."""
        modality, network = self._parts()
        place = (self.dtype, self.device)
        encoded: torch.Tensor = network.whole_inputs(modality, table, *place)
        return encoded.to(self.device)

    def _parts(self) -> tuple[Any, Any]:
        return self.estimator._fitted_modality(), self.estimator._network()

    def grams(self, table: Any) -> Any:
        """Return the n-grams of texts that the network knows.

        Their weights as a csr_array of shape (n, n_grams); or, where order counts, the
        words themselves as an ndarray of shape (n, n_words), by number where they are
        hashed: '' or 0 where a text has ended.
        """
        encoder = self._state.scaler
        if isinstance(encoder, BagEncoder):
            return encoder.weights(table)
        numbers = encoder.transform(table, self.dtype).numpy()
        grams = encoder.vocabulary.grams
        if grams is None:
            return numbers
        return np.array(["", *(gram[1:] for gram in grams)], dtype=object)[numbers]

    def blank(self) -> torch.Tensor:
        """Return one row that says nothing, as all of the network takes it."""
        n_features = getattr(self.estimator, "n_features_in_", None)
        modality, _ = self._parts()
        # It is moved to the network's device, and no data come from that of "meta".
        with plain_device():
            blank: torch.Tensor = modality.blank(n_features, self.dtype)
            return blank.to(self.device)

    def row_shape(self) -> tuple[int, ...]:
        """Return the shape of one row, as all of the network takes it."""
        encoder = self._state.scaler
        if isinstance(encoder, BagEncoder):
            return (encoder.vocabulary.size,)
        return tuple(self.blank().shape[1:])

    @contextmanager
    def running(self, n_rows: int, *, gradients: bool = False) -> Iterator[None]:
        """Run the network as prediction does: its mode, its threads, its randomness.

        Parameters
        ----------
        n_rows : int
            Rows that go through it at once.
        gradients : bool, default=False
            Whether they are asked for.
        """
        seed = self._state.foreign_seed
        threads = resolve_n_threads(
            self.estimator.n_threads, float(n_rows * self._state.row_work)
        )
        with ExitStack() as stack:
            stack.enter_context(plain_torch(training=True))
            stack.enter_context(limit_threads(threads))
            if seed is not None:
                stack.enter_context(isolated_global_rng(seed, self.device))
            if not gradients:
                stack.enter_context(torch.no_grad())
            self.module.eval()
            yield

    def pooled(self, raw: torch.Tensor) -> torch.Tensor:
        """Return one raw output a row, where the network puts out several."""
        pooled: torch.Tensor = self._state.pooled(self.estimator._network(), raw)
        return pooled

    def linked(self, pooled: torch.Tensor) -> torch.Tensor:
        """Return probabilities, or numbers in the network's units."""
        return self.estimator._fitted_task().link(pooled)

    def decoded(self, pooled: torch.Tensor, linked: torch.Tensor) -> Array:
        """Return what `predict` says."""
        task = self.estimator._fitted_task()
        predicted: Array = task.predictions(pooled, self._state.input_dtype)
        return predicted

    def losses(self, X: MatrixLike, y: Any) -> tuple[Array, Array]:
        """Return the losses and the targets of `scored_losses`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of n_samples rows
            Inputs, of a Pipeline where there is one.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True targets.
        """
        losses, y, _ = self.scored_losses(X, y)
        return losses, y

    def scored_losses(self, X: MatrixLike, y: Any) -> tuple[Array, Array, Array | None]:
        """Return the loss of every row without any weight, and the validated targets.

        The loss is the one that was trained on, penalties left out. Rows that `score`
        of a Pipeline leaves out are left out here.

        Parameters
        ----------
        X : {array-like, sparse matrix} of n_samples rows
            Inputs, of a Pipeline where there is one.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True targets.

        Returns
        -------
        losses : ndarray of float64 of shape (n_scored,)
        y : ndarray of shape (n_scored,) or (n_scored, n_outputs)
        rows : ndarray of shape (n_scored,) or None
            Their places in X; None where all of them are scored.
        """
        estimator = self.estimator
        task = estimator._fitted_task()
        check_target_form(y, self.name, labels=task.labels)
        X, y, rows = self._scored_rows(X, y)
        modality, network = self._parts()
        table, y = modality.read(estimator, X, y, reset=False, **(task.checks or {}))
        coded = task.tensor(task.codes(y), self.dtype)
        step = estimator._block_rows(modality, network, table)
        place = (self.dtype, self.device)
        parts = []
        with self.running(min(step, table.shape[0])):
            for start in range(0, table.shape[0], step):
                part = slice(start, start + step)
                block = network.inputs(estimator, modality, table[part], *place)
                output = self.module(block.to(self.device))
                parts.append(self._block_losses(output, coded[part].to(self.device)))
        return np.concatenate(parts), y, rows

    def _block_losses(self, output: torch.Tensor, coded: torch.Tensor) -> Array:
        if len(output) != len(coded):
            # Several views of each image.
            output = self.pooled(output)
        criterion = self.estimator.net_.criterion_
        # A batch of one row at a time: losses return a mean.
        losses = torch.stack(
            [
                criterion(output[row : row + 1], coded[row : row + 1], None)
                for row in range(len(coded))
            ]
        )
        found: Array = losses.double().cpu().numpy()
        return found
