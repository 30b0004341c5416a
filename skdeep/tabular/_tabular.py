"""What the two tabular perceptrons share: columns as they come, and their network."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from skdeep._compat import Interval, StrOptions, Tags
from skdeep._constraints import network_constraints
from skdeep.base import SHARED_CONSTRAINTS, Job, PerceptronDoor
from skdeep.data import (
    ClassTarget,
    TableEncoder,
    TableSchema,
    check_target,
    known_categories,
    quantile_edges,
    read_table,
    tree_edges,
    warn_of_unknown,
)
from skdeep.losses import EnsembleLoss
from skdeep.networks import (
    ACTIVATIONS,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    TabularInputs,
    TabularNetwork,
    combine,
    data_dependent_init_,
    per_layer,
)
from skdeep.tabular._calibration import fit_temperature
from skdeep.tabular._search_spaces import TABULAR_SPACE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from skdeep._typing import Array, MatrixLike
    from skdeep.base import FittedState, TrainedNetwork
    from skdeep.data import MixedTable
    from skdeep.networks import CombinationKind

SHARE_SCHEDULES = {"constant", "cosine", "flat_cosine"}
# Enough rows for the standard deviation of every neuron.
INIT_ROWS = 2048
# Rows in a batch, for fewer training rows than these; 256 for more.
AUTO_BATCHES = ((64, 1_500), (128, 6_000))
# Members multiply the room a row takes: with more rows the layers leave the cache.
ENSEMBLE_BLOCK_ROWS = 256

_AT_LEAST_1 = Interval(Integral, 1, None, closed="left")
_ABOVE_0 = Interval(Real, 0, None, closed="neither")

TABULAR_CONSTRAINTS: dict[str, list[Any]] = {
    **network_constraints(list(ACTIVATIONS)),
    "parametric_activation": ["boolean"],
    "dropout_schedule": [StrOptions(SHARE_SCHEDULES), None],
    "n_ensemble": [_AT_LEAST_1],
    "feature_gate": [_ABOVE_0, None],
    "parametrization": [StrOptions({"standard", "ntk"})],
    "data_dependent_init": ["boolean"],
    "categorical_features": [str, "array-like", None],
    "max_onehot": [Interval(Integral, 0, None, closed="left")],
    "category_dim": [_AT_LEAST_1],
    "feature_scaling": [StrOptions({"quantile", "robust_clip", "standard"}), None],
    "missing_indicators": ["boolean"],
    "scale_onehot": ["boolean"],
    "numeric_embedding": [StrOptions({"piecewise_linear", "periodic"}), None],
    "embedding_dim": [_AT_LEAST_1],
    "n_bins": [_AT_LEAST_1],
    "binning": [StrOptions({"quantile", "tree"})],
    "n_frequencies": [_AT_LEAST_1],
    "frequency_scale": [_ABOVE_0],
    **SHARED_CONSTRAINTS,
    "weight_decay_schedule": [StrOptions(SHARE_SCHEDULES), None],
    "time_limit": [_ABOVE_0, None],
    "refit": ["boolean"],
}

# What must not change between a training and one that goes on from it.
_OF_THE_NETWORK = (
    "normalization",
    "residual",
    "parametric_activation",
    "n_ensemble",
    "feature_gate",
    "parametrization",
    "max_onehot",
    "category_dim",
    "feature_scaling",
    "missing_indicators",
    "scale_onehot",
    "numeric_embedding",
    "embedding_dim",
    "n_bins",
    "binning",
    "n_frequencies",
)


class TabularDoor(PerceptronDoor):
    """Hooks of the tabular perceptrons."""

    # Fewer rows than these cannot spare a tenth.
    _auto_stopping_rows = 100
    # A parameter of the classifier.
    calibration: str | None = None
    _schema: TableSchema
    _training_table: MixedTable
    _search_table = TABULAR_SPACE

    def _auto_batch(self, n_rows: int) -> int:
        """Return a batch that makes some tens of steps an epoch."""
        size = next((size for size, below in AUTO_BATCHES if n_rows < below), 256)
        return min(size, n_rows)

    def _read(
        self, X: MatrixLike, y: Any = "no_validation", *, reset: bool, **checks: bool
    ) -> Any:
        table = read_table(
            self,
            X,
            categorical_features=self.categorical_features,
            schema=None if reset else self._schema,
        )
        if reset:
            self._schema = table.schema
            # Of the copy that validation writes on, until there is an encoder.
            self._training_table = table
        elif table is not X and table.levels:
            self._warn_of_unknown(table)
        if isinstance(y, str) and y == "no_validation":
            return table
        return table, check_target(self, table, y, **checks)

    def _warn_of_unknown(self, table: MixedTable) -> None:
        """Warn of columns of which no category is known."""
        known: Sequence[Collection[Any]]
        if "_training_table" in vars(self):
            known = known_categories(self._training_table)
        else:
            encoder = cast(TableEncoder, self._state.scaler)
            known = [column.codes for column in encoder.categories.columns]
        names = vars(self).get("feature_names_in_", range(table.shape[1]))
        warn_of_unknown(type(self).__name__, table, known, names)

    def _architecture(self, table: Any) -> dict[str, Any]:
        widths = self._widths()
        return {
            "hidden_layer_sizes": widths,
            "activation": per_layer(self.activation, len(widths), "activation"),
            "dropout": per_layer(self.dropout, len(widths), "dropout"),
            **{name: getattr(self, name) for name in _OF_THE_NETWORK},
        }

    def _n_weights(self, table: Any, n_outputs: int) -> int:
        dim = self.embedding_dim if self.numeric_embedding else 1
        widths = (table.shape[1] * dim, *self._widths(), n_outputs)
        return int(self.n_ensemble * sum(a * b for a, b in pairwise(widths)))

    def _blank_row(self, state: FittedState, dtype: torch.dtype) -> torch.Tensor:
        network = cast(TabularNetwork, self.module_)
        return torch.zeros(1, network.inputs.n_columns, dtype=dtype)

    def _block_rows(self, state: FittedState, table: Any) -> int:
        rows: int = super()._block_rows(state, table)
        return min(ENSEMBLE_BLOCK_ROWS, rows) if self.n_ensemble > 1 else rows

    def _make_scaler(self, job: Job) -> Any:
        return TableEncoder(
            self.feature_scaling,
            max_onehot=self.max_onehot,
            missing_indicators=self.missing_indicators,
            scale_onehot=self.scale_onehot,
        )

    def _build_network(self, job: Job) -> torch.nn.Module:
        generator = job.generators["initialization"]
        encoder = cast(TableEncoder, job.scaler)
        network = _network(
            job.architecture,
            encoder,
            self._make_embedding(job, generator),
            job.target.n_outputs,
            job.dtype,
            generator,
        )
        if self.data_dependent_init:
            rows = _some_rows(job.train.X, generator)
            encoded = torch.from_numpy(encoder.transform(rows)).to(job.dtype)
            data_dependent_init_(network, encoded, generator)
        return network

    def _rebuild_network(
        self, described: Mapping[str, Any], weights: Mapping[str, torch.Tensor]
    ) -> torch.nn.Module:
        state, generator = self._state, torch.Generator()
        architecture = state.architecture
        n_numeric = cast(TableEncoder, state.scaler).n_numeric
        embedding: PiecewiseLinearEmbedding | PeriodicEmbedding | None = None
        dim = architecture["embedding_dim"]
        if architecture["numeric_embedding"] == "periodic" and n_numeric:
            n_frequencies = architecture["n_frequencies"]
            embedding = PeriodicEmbedding(
                n_numeric, dim, n_frequencies=n_frequencies, generator=generator
            )
        elif architecture["numeric_embedding"] is not None and n_numeric:
            # As many edges as there were; what they were stands among the weights.
            n_bins = weights["inputs.numeric.weight"].shape[2]
            edges = [range(n_bins + 1)] * n_numeric
            embedding = PiecewiseLinearEmbedding(edges, dim, generator=generator)
        dtype = next(value.dtype for value in weights.values())
        n_outputs = state.target.n_outputs
        return _network(
            architecture, state.scaler, embedding, n_outputs, dtype, generator
        )

    def _make_embedding(
        self, job: Job, generator: torch.Generator
    ) -> PiecewiseLinearEmbedding | PeriodicEmbedding | None:
        """Return the embedding of the numeric columns, its bins from training rows."""
        encoder = cast(TableEncoder, job.scaler)
        n_numeric = encoder.n_numeric
        if self.numeric_embedding is None or not n_numeric:
            return None
        if self.numeric_embedding == "periodic":
            if self.embedding_dim < 2:
                raise ValueError(
                    f"The 'embedding_dim' parameter of {type(self).__name__} must be "
                    "at least 2 with numeric_embedding='periodic', since the number "
                    f"itself is one of them. Got {self.embedding_dim!r} instead."
                )
            return PeriodicEmbedding(
                n_numeric,
                self.embedding_dim,
                n_frequencies=self.n_frequencies,
                frequency_scale=self.frequency_scale,
                dtype=job.dtype,
                generator=generator,
            )
        numbers = encoder.transform(job.train.X)[:, :n_numeric]
        edges = [self._edges(numbers[:, i], job) for i in range(n_numeric)]
        return PiecewiseLinearEmbedding(
            edges, self.embedding_dim, dtype=job.dtype, generator=generator
        )

    def _edges(self, values: Array, job: Job) -> Array:
        weight = job.train.weight
        if self.binning == "quantile":
            return quantile_edges(values, self.n_bins, weight)
        return tree_edges(
            values,
            job.train.codes,
            self.n_bins,
            weight,
            classification=isinstance(job.target, ClassTarget),
        )

    def _combination(self, target: Any) -> CombinationKind:
        """Return what it is that members put out."""
        if isinstance(target, ClassTarget):
            return target.loss_kind
        return "log" if self.loss == "poisson" else "mean"

    def _make_loss(self, job: Job) -> torch.nn.Module:
        criterion: torch.nn.Module = super()._make_loss(job)  # type: ignore[safe-super]  # of DeepClassifier or DeepRegressor
        if self.n_ensemble == 1:
            return criterion
        kind = self._combination(job.target)
        return EnsembleLoss(criterion, partial(combine, kind=kind))

    def _pool(self, state: FittedState, output: torch.Tensor) -> torch.Tensor:
        if not isinstance(state.target, ClassTarget):
            return output
        # By what was fitted: the parameter may have been set to another number since.
        if output.dim() == 3:
            output = combine(output, state.target.loss_kind)
        return output if state.temperature == 1.0 else output / state.temperature

    def _temperature(self, job: Job, trained: TrainedNetwork) -> float:
        if self.calibration is None or job.valid_batches is None:
            return 1.0
        kind, module = self._combination(job.target), trained.net.module_

        def logits_of(X: torch.Tensor) -> torch.Tensor:
            output: torch.Tensor = module(X)
            return output if self.n_ensemble == 1 else combine(output, kind)

        return fit_temperature(logits_of, job.valid_batches, job.target.loss_kind)

    def __sklearn_tags__(self) -> Tags:
        """Say that categories and holes are welcome, and sparse rows are not."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _network(
    architecture: Mapping[str, Any],
    encoder: Any,
    embedding: PiecewiseLinearEmbedding | PeriodicEmbedding | None,
    n_outputs: int,
    dtype: torch.dtype,
    generator: torch.Generator,
) -> TabularNetwork:
    inputs = TabularInputs(
        encoder.n_numeric,
        onehot_sizes=[*([1] * encoder.n_indicators), *encoder.onehot_sizes],
        cardinalities=encoder.cardinalities,
        category_dim=architecture["category_dim"],
        numeric_embedding=embedding,
        dtype=dtype,
        generator=generator,
    )
    layers = {
        name: architecture[name]
        for name in (
            "hidden_layer_sizes",
            "n_ensemble",
            "activation",
            "parametric_activation",
            "normalization",
            "dropout",
            "residual",
            "parametrization",
        )
    }
    return TabularNetwork(
        inputs,
        n_outputs=n_outputs,
        gate_factor=architecture["feature_gate"],
        generator=generator,
        **layers,
    )


def _some_rows(table: MixedTable, generator: torch.Generator) -> MixedTable:
    """Return random rows of a table, or all of them in their order."""
    if len(table) <= INIT_ROWS:
        return table
    order = torch.randperm(len(table), generator=generator)
    return table[np.sort(order[:INIT_ROWS].numpy())]
