"""One estimator of skdeep as a graph of ONNX, from its inputs to label and numbers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn

from skdeep._optional import optional_dependency
from skdeep.data import ColumnScaler, ImageEncoder, TableEncoder
from skdeep.exceptions import PersistenceError
from skdeep.persistence._onnx_columns import check_columns, columns_model
from skdeep.persistence._onnx_runtime import first_line
from skdeep.persistence._torch_export import (
    ClassProbabilities,
    Exported,
    Predictions,
    export_module,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from skdeep._typing import Array

# Of the operators: old enough for runtimes in use, new enough for torch's exporter.
OPSET = 18
OPSETS = {"": OPSET, "ai.onnx.ml": 3}
IR_VERSION = 8
# Rows that a graph is traced with: one would be taken for a number that never changes.
_TRACED_ROWS = 2


class _Answers(nn.Module):
    """What the graph puts out: codes and probabilities, or numbers.

    Parameters
    ----------
    module : Exported
        Of the estimator.
    layout : callable
        From what comes in to what the module takes.
    wide : bool
        Whether numbers are put out in float64.
    """

    def __init__(self, module: Exported, layout: nn.Module, *, wide: bool) -> None:
        super().__init__()
        self.module = module
        self.layout = layout
        self.wide = wide

    def forward(self, *given: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return what the graph puts out."""
        # All that follows the network is reckoned in float64, where onnxruntime's
        # functions are exact: in float32 its sigmoid has few digits far from zero.
        outputs = self.module.outputs(*self.layout(*given)).double()
        answers = self.module.answer(outputs)
        if isinstance(self.module, ClassProbabilities):
            return self.module.codes(outputs), answers.float()
        return answers if self.wide else answers.float()


class _AsTheyCome(nn.Module):
    """Take inputs as they are."""

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return the inputs."""
        return given


class _CodesAlone(nn.Module):
    """Put no numbers beside codes, for tables that have none."""

    def forward(self, codes: Tensor) -> tuple[Tensor, ...]:
        """Return numbers of no columns, and the codes."""
        return codes.new_zeros((codes.shape[0], 0), dtype=torch.float64), codes


class _Images(nn.Module):
    """Bring images of the layout of a sample to one with the channels in front.

    Parameters
    ----------
    shape : tuple of int
        Of one image, as its pixels lie.
    channels_last : bool
        Whether they stand last.
    """

    def __init__(self, shape: tuple[int, ...], *, channels_last: bool) -> None:
        super().__init__()
        self.shape = shape
        self.channels_last = channels_last

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return images of shape (batch, n_channels, height, width)."""
        images = images.reshape(-1, *self.shape)
        if len(self.shape) == 2:
            return (images.unsqueeze(1),)
        return (images.permute(0, 3, 1, 2) if self.channels_last else images,)


def network_model(estimator: Any, sample: Any) -> tuple[Any, dict[str, Array]]:
    """Return an estimator as a model of ONNX, and a sample as that takes it.

    Parameters
    ----------
    estimator : estimator instance
        Fitted, of skdeep.
    sample : array-like of n_samples rows
        Says in which form rows will come.

    Returns
    -------
    model : onnx.ModelProto
        With the inputs "X", or one for each column where some hold categories; and the
        outputs "label" and "probabilities", or "variable".
    feeds : dict of str to ndarray
        The sample by the names of inputs.

    Raises
    ------
    PersistenceError
        If there is no such graph.
    """
    encoder = encoder_of(estimator)
    images = isinstance(encoder, ImageEncoder)
    # Convolutions exist in float32 alone.
    dtype = torch.float32 if images else None
    module = export_module(estimator, "to_onnx", dtype, resizes=False)
    if has_categories(estimator):
        return _mixed_model(estimator, module, sample)
    if images:
        values, layout = _image_layout(estimator, sample)
    else:
        values, layout = _dense(sample), _AsTheyCome()
    wide = _is_wide(module, values.dtype)
    model = _traced(_Answers(module, layout, wide=wide), {"X": values})
    return _with_label(model, estimator), {"X": values}


def check_sample(estimator: Any, sample: Any) -> None:
    """Refuse a sample of another form than an estimator's graph takes.

    Parameters
    ----------
    estimator : estimator instance
        Fitted, of skdeep.
    sample : array-like of n_samples rows
        Given by the user.

    Raises
    ------
    PersistenceError
        If it has another form.
    """
    encoder = encoder_of(estimator)
    if has_categories(estimator):
        check_columns(estimator, sample)
    elif isinstance(encoder, ImageEncoder):
        if not isinstance(sample, np.ndarray):
            raise _no_array(sample)
    elif encoder is None or isinstance(encoder, (ColumnScaler, TableEncoder)):
        _dense(sample)


def encoder_of(estimator: Any) -> Any:
    """Return what encodes the inputs of a fitted estimator of skdeep."""
    state = getattr(estimator, "_state", None)
    return getattr(estimator, "_encoder", None) if state is None else state.scaler


def has_categories(estimator: Any) -> bool:
    """Tell whether an estimator of skdeep takes columns of categories."""
    encoder = encoder_of(estimator)
    return isinstance(encoder, TableEncoder) and bool(encoder.categories.columns)


def is_indicator(classifier: Any) -> bool:
    """Tell whether a classifier of skdeep predicts several labels a row."""
    return bool(classifier._state.target.loss_kind == "multilabel")


def pixels_of(estimator: Any, images: Any) -> Array | None:
    """Return images of shape (n, n_channels, height, width); None of a table."""
    if not isinstance(encoder_of(estimator), ImageEncoder):
        return None
    pixels: Array = estimator._read(images).block()
    return pixels


def _is_wide(module: Exported, dtype: np.dtype[Any]) -> bool:
    """Tell whether the estimator answers to inputs of a dtype in float64."""
    if not isinstance(module, Predictions):
        return False
    return module.wide or dtype not in (np.float32, np.uint8, np.uint16, np.bool_)


def _dense(sample: Any) -> Array:
    if sp.issparse(sample):
        sample = sample.toarray()
    values = np.asarray(sample)
    if values.dtype.kind not in "fiub" or values.ndim != 2:
        raise PersistenceError(
            "to_onnx takes a sample of numbers of shape (n_samples, n_features) for "
            f"this estimator. Got {values.dtype} of shape {values.shape}."
        )
    return values


def _image_layout(estimator: Any, sample: Any) -> tuple[Array, nn.Module]:
    table = estimator._read(sample)
    if not table.is_dense or not isinstance(sample, np.ndarray):
        raise _no_array(sample)
    last = table.layout.channel_axis == "last"
    shape = tuple(int(side) for side in table.pixels.shape[1:])
    if tuple(table.layout.size) != tuple(estimator_size(estimator)):
        raise PersistenceError(
            "to_onnx takes images of the size that the network sees, "
            f"{estimator_size(estimator)}. Got {table.layout.size}. Resize the sample, "
            "and in front of the graph all images, with antialiasing."
        )
    return sample, _Images(shape, channels_last=last and len(shape) == 3)


def _no_array(sample: Any) -> PersistenceError:
    return PersistenceError(
        "to_onnx takes a sample of images as one array, all of one size. Got "
        f"{type(sample).__name__}."
    )


def estimator_size(estimator: Any) -> tuple[int, int]:
    """Return height and width of the images that the network of an estimator sees."""
    height, width = encoder_of(estimator).size
    return height, width


def _mixed_model(
    estimator: Any, module: Exported, sample: Any
) -> tuple[Any, dict[str, Array]]:
    front, feeds, numbers_dtype = columns_model(estimator, sample)
    schema = estimator._schema
    n_numeric, n_codes = len(schema.numeric_columns), len(schema.categorical_columns)
    codes = np.zeros((_TRACED_ROWS, n_codes), dtype=np.int64)
    given: dict[str, Array] = {"codes": codes}
    layout: nn.Module = _CodesAlone()
    if n_numeric:
        numbers = np.zeros((_TRACED_ROWS, n_numeric), dtype=numbers_dtype)
        given, layout = {"numbers": numbers, **given}, _AsTheyCome()
    wide = _is_wide(module, np.dtype(numbers_dtype))
    answers = _Answers(module, layout, wide=wide)
    network = _with_label(_traced(answers, given), estimator)
    return joined(front, network, {name: name for name in given}), feeds


def joined(first: Any, second: Any, links: Mapping[str, str]) -> Any:
    """Return a graph that hands outputs of one to inputs of another.

    Parameters
    ----------
    first, second : onnx.ModelProto
        Changed in place: what has a name inside of them gets another.
    links : mapping of str to str
        From outputs of the first to inputs of the second, all of them.

    Returns
    -------
    model : onnx.ModelProto
        With the inputs of the first and the outputs of the second.
    """
    from onnx import helper

    one, two = first.graph, second.graph
    own = {value.name for value in one.input}
    rename(one, {name: f"a_{name}" for name in _names(one) - own})
    kept = {value.name for value in two.output}
    within = {name: f"b_{name}" for name in _names(two) - kept}
    within |= {into: f"a_{out}" for out, into in links.items()}
    # An output's name may be that of an input of the whole.
    clash = kept & (own | {f"a_{name}" for name in kept})
    if clash:
        raise PersistenceError(
            f"to_onnx takes no column of the name {min(clash)!r}, which is that of an "
            "output. Rename it."
        )
    rename(two, within)
    graph = helper.make_graph(
        [*one.node, *two.node],
        two.name,
        list(one.input),
        list(two.output),
        [*one.initializer, *two.initializer],
    )
    opsets = {
        entry.domain: entry for model in (first, second) for entry in model.opset_import
    }
    functions = {
        (function.domain, function.name): function
        for model in (first, second)
        for function in model.functions
    }
    whole = helper.make_model(
        graph,
        opset_imports=list(opsets.values()),
        functions=list(functions.values()),
    )
    return aligned(whole)


def _names(graph: Any) -> set[str]:
    """Return the names that a graph gives, but for those of graphs inside of it."""
    named = {value.name for value in (*graph.input, *graph.initializer)}
    return named | {name for node in graph.node for name in node.output if name}


def rename(graph: Any, names: Mapping[str, str]) -> None:
    """Give names of a graph others, also in graphs inside of it."""
    for values in (graph.input, graph.output, graph.initializer):
        for value in values:
            value.name = names.get(value.name, value.name)
    del graph.value_info[:]
    for node in graph.node:
        for known in (node.input, node.output):
            for place, name in enumerate(known):
                known[place] = names.get(name, name)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                own = _names(attribute.g)
                outer = {name: new for name, new in names.items() if name not in own}
                rename(attribute.g, outer)


def _traced(module: nn.Module, given: Mapping[str, Array]) -> Any:
    """Return a module as torch's exporter writes it, of any number of rows."""
    with optional_dependency("onnxscript", needed_by="to_onnx"):
        import onnxscript  # noqa: F401
    with optional_dependency("onnx", needed_by="to_onnx"):
        import onnx  # noqa: F401

    batch = torch.export.Dim("batch")
    examples = tuple(
        torch.zeros((_TRACED_ROWS, *values.shape[1:]), dtype=_torch_dtype(values))
        for values in given.values()
    )
    answers = (
        ["codes_of_classes", "probabilities"]
        if isinstance(module.module, ClassProbabilities)
        else ["variable"]
    )
    try:
        # What torch's exporter has to say of itself is no affair of the caller.
        with warnings.catch_warnings(action="ignore"), torch.no_grad():
            program = torch.onnx.export(
                module.eval(),
                examples,
                dynamo=True,
                dynamic_shapes={"given": tuple({0: batch} for _ in examples)},
                input_names=list(given),
                output_names=answers,
                opset_version=OPSET,
                verbose=False,
            )
    # Of torch, in as many kinds as there are ways to write what it cannot follow.
    except Exception as error:
        raise PersistenceError(
            f"torch cannot write this network as ONNX: {first_line(error)}. Use "
            "to_torch."
        ) from error
    if program is None:
        raise PersistenceError("torch's exporter returned no program.")
    return aligned(program.model_proto)


def _torch_dtype(values: Array) -> torch.dtype:
    return torch.from_numpy(np.empty(0, values.dtype)).dtype


def aligned(model: Any) -> Any:
    """Set the versions that all parts of a graph must share, in place."""
    from onnx import helper

    domains = {entry.domain for entry in model.opset_import} | set(OPSETS)
    del model.opset_import[:]
    model.opset_import.extend(
        helper.make_opsetid(domain, OPSETS.get(domain, 1)) for domain in sorted(domains)
    )
    model.ir_version = IR_VERSION
    return model


def _with_label(model: Any, estimator: Any) -> Any:
    """Turn the codes of classes that a graph puts out into labels."""
    if not hasattr(estimator, "classes_"):
        return model
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    (codes,) = (out for out in graph.output if out.name == "codes_of_classes")
    shape = [dim.dim_param or dim.dim_value for dim in codes.type.tensor_type.shape.dim]
    graph.output.remove(codes)
    if len(shape) == 2:
        kind: Any = TensorProto.INT64
        node = helper.make_node("Identity", [codes.name], ["label"])
    else:
        classes = _onnx_classes(estimator.classes_)
        tensor = numpy_helper.from_array(classes, "classes")
        graph.initializer.append(tensor)
        kind = tensor.data_type
        node = helper.make_node("Gather", ["classes", codes.name], ["label"])
    graph.node.append(node)
    graph.output.insert(0, helper.make_tensor_value_info("label", kind, shape))
    return model


def _onnx_classes(classes: Array) -> Array:
    """Return classes as sklearn-onnx would put them out.

    Raises
    ------
    PersistenceError
        If a graph, whose strings are UTF-8, cannot hold one.
    """
    for label in classes.tolist():
        if isinstance(label, str):
            try:
                label.encode("utf-8")
            except UnicodeEncodeError as error:
                raise PersistenceError(
                    "to_onnx writes the labels of classes as UTF-8. Got the label "
                    f"{label!r:.60}, which is no text. Fit on other labels."
                ) from error
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    return classes.astype(object) if classes.dtype.kind in "UO" else classes
