"""What the two tabular perceptrons share: columns as they come, and their network."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from skdeep._compat import Interval, StrOptions
from skdeep._constraints import network_constraints
from skdeep.base import (
    SHARED_CONSTRAINTS,
    DeepEstimator,
    Material,
    Modality,
    Network,
)
from skdeep.data import (
    NO_TARGETS,
    ClassTarget,
    NumberTarget,
    TableEncoder,
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
from skdeep.tabular._search_spaces import TABULAR_SPACE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from skdeep._compat import Tags
    from skdeep._typing import Array, MatrixLike
    from skdeep.base import FittedState
    from skdeep.data import MixedTable
    from skdeep.networks import CombinationKind
    from skdeep.tasks import Task

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


class MixedColumns(Modality):
    """A table of numbers and categories, missing values among them.

    Parameters
    ----------
    owner : str
        Name of the estimator, for errors.
    categorical_features, feature_scaling, max_onehot, missing_indicators, scale_onehot
        Parameters of the estimator.
    n_ensemble : int
        Members multiply the room that a row takes.
    """

    encoder: TableEncoder

    def __init__(
        self,
        owner: str,
        *,
        categorical_features: Any,
        feature_scaling: Any,
        max_onehot: int,
        missing_indicators: bool,
        scale_onehot: bool,
        n_ensemble: int,
    ) -> None:
        super().__init__(owner)
        self.categorical_features = categorical_features
        self.feature_scaling = feature_scaling
        self.max_onehot = max_onehot
        self.missing_indicators = missing_indicators
        self.scale_onehot = scale_onehot
        self.n_ensemble = n_ensemble

    def read(
        self,
        holder: Any,
        X: MatrixLike,
        y: Any = NO_TARGETS,
        *,
        reset: bool,
        **checks: bool,
    ) -> Any:
        """Return a table that knows which columns hold categories."""
        table = read_table(
            holder,
            X,
            categorical_features=self.categorical_features,
            schema=None if reset else holder._schema,  # noqa: SLF001 - it is one of us
        )
        if reset:
            # Of the copy that validation writes on, until there is an encoder.
            vars(holder).update(_schema=table.schema, _training_table=table)
        elif table is not X and table.levels:
            self._warn_of_unknown(holder, table)
        if isinstance(y, str) and y == NO_TARGETS:
            return table
        return table, check_target(holder, table, y, **checks)

    def _warn_of_unknown(self, holder: Any, table: MixedTable) -> None:
        """Warn of columns of which no category is known."""
        known: Sequence[Collection[Any]]
        if "_training_table" in vars(holder):
            known = known_categories(vars(holder)["_training_table"])
        else:
            known = [column.codes for column in self.encoder.categories.columns]
        names = vars(holder).get("feature_names_in_", range(table.shape[1]))
        warn_of_unknown(self.owner, table, known, names)

    def new_encoder(self, table: Any) -> TableEncoder:
        """Return an encoder of the columns."""
        return TableEncoder(
            self.feature_scaling,
            max_onehot=self.max_onehot,
            missing_indicators=self.missing_indicators,
            scale_onehot=self.scale_onehot,
        )

    def blank(self, n_features: int | None, dtype: torch.dtype) -> torch.Tensor:
        """Return a row of zeros."""
        return torch.zeros(1, self.encoder.n_outputs, dtype=dtype)

    def block_rows(self, table: Any) -> int:
        """Return how many rows go through the network at once in prediction."""
        rows = super().block_rows(table)
        return min(ENSEMBLE_BLOCK_ROWS, rows) if self.n_ensemble > 1 else rows

    def tell(self, tags: Tags) -> None:
        """Say that categories and missing values are welcome."""
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True


class TabularPerceptron(Network):
    """Perceptrons on embedded columns, several of which may share most weights."""

    def architecture(self) -> dict[str, Any]:
        """Return widths, what stands between them, and how columns are encoded."""
        p, widths = self.parameters, self.widths()
        return {
            "hidden_layer_sizes": widths,
            "activation": per_layer(p.activation, len(widths), "activation"),
            "dropout": per_layer(p.dropout, len(widths), "dropout"),
            **{name: getattr(p, name) for name in _OF_THE_NETWORK},
        }

    def work(self, table: Any, n_outputs: int) -> int:
        """Return the number of weights of all members."""
        p = self.parameters
        dim = p.embedding_dim if p.numeric_embedding else 1
        widths = (table.shape[1] * dim, *self.widths(), n_outputs)
        return int(p.n_ensemble * sum(a * b for a, b in pairwise(widths)))

    def build(self, material: Material) -> torch.nn.Module:
        """Return a network of random weights, or of weights that rows are drawn for."""
        generator, dtype = material.generator, material.dtype
        encoder = cast(TableEncoder, material.modality.encoder)
        network = _network(
            self.architecture(),
            encoder,
            self._embedding(material, encoder),
            material.task.n_outputs,
            dtype,
            generator,
        )
        if self.parameters.data_dependent_init:
            rows = _some_rows(material.X, generator)
            encoded = torch.from_numpy(encoder.transform(rows)).to(dtype)
            data_dependent_init_(network, encoded, generator)
        return network

    def _embedding(
        self, material: Material, encoder: TableEncoder
    ) -> PiecewiseLinearEmbedding | PeriodicEmbedding | None:
        """Return the embedding of the numeric columns, its bins from training rows."""
        p, n_numeric, dtype = self.parameters, encoder.n_numeric, material.dtype
        if p.numeric_embedding is None or not n_numeric:
            return None
        if p.numeric_embedding == "periodic":
            if p.embedding_dim < 2:
                raise ValueError(
                    f"The 'embedding_dim' parameter of {self.owner} must be at least 2 "
                    "with numeric_embedding='periodic', since the number itself is one "
                    f"of them. Got {p.embedding_dim!r} instead."
                )
            return PeriodicEmbedding(
                n_numeric,
                p.embedding_dim,
                n_frequencies=p.n_frequencies,
                frequency_scale=p.frequency_scale,
                dtype=dtype,
                generator=material.generator,
            )
        numbers = encoder.transform(material.X)[:, :n_numeric]
        edges = [self._edges(numbers[:, i], material) for i in range(n_numeric)]
        return PiecewiseLinearEmbedding(
            edges, p.embedding_dim, dtype=dtype, generator=material.generator
        )

    def _edges(self, values: Array, material: Material) -> Array:
        p = self.parameters
        if p.binning == "quantile":
            return quantile_edges(values, p.n_bins, material.weight)
        return tree_edges(
            values,
            material.codes,
            p.n_bins,
            material.weight,
            classification=material.task.labels,
        )

    def rebuild(
        self,
        described: Mapping[str, Any],
        weights: Mapping[str, torch.Tensor],
        state: FittedState,
        n_features: int | None,
    ) -> torch.nn.Module:
        """Return a network of the same layers."""
        generator, architecture = torch.Generator(), state.architecture
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

    def loss(self, criterion: torch.nn.Module, task: Task) -> torch.nn.Module:
        """Return the loss of each member by itself."""
        if self.parameters.n_ensemble == 1:
            return criterion
        return EnsembleLoss(criterion, partial(combine, kind=_combination(task.target)))

    def pool(self, output: torch.Tensor, target: Any) -> torch.Tensor:
        """Return what the members put out together."""
        # By what was fitted: the parameter may have been set to another number since.
        return combine(output, _combination(target)) if output.dim() == 3 else output


class TabularBase(DeepEstimator):
    """What the two tabular perceptrons share."""

    # Fewer rows than these cannot spare a tenth.
    _auto_stopping_rows = 100
    _search_table = TABULAR_SPACE

    def _auto_batch(self, n_rows: int) -> int:
        """Return a batch that makes some tens of steps an epoch."""
        size = next((size for size, below in AUTO_BATCHES if n_rows < below), 256)
        return min(size, n_rows)

    def _modality(self) -> MixedColumns:
        return MixedColumns(
            type(self).__name__,
            categorical_features=self.categorical_features,
            feature_scaling=self.feature_scaling,
            max_onehot=self.max_onehot,
            missing_indicators=self.missing_indicators,
            scale_onehot=self.scale_onehot,
            n_ensemble=self.n_ensemble,
        )

    def _network(self) -> TabularPerceptron:
        return TabularPerceptron(self)


def _combination(target: ClassTarget | NumberTarget) -> CombinationKind:
    """Return what it is that members put out."""
    if isinstance(target, ClassTarget):
        return target.loss_kind
    return "log" if target.log_link else "mean"


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
