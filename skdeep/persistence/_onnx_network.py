"""One estimator of skdeep as a graph of ONNX, from its inputs to label and numbers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn

from skdeep._optional import optional_dependency
from skdeep.data import ImageEncoder, TableEncoder
from skdeep.exceptions import PersistenceError
from skdeep.persistence._onnx_columns import columns_model
from skdeep.persistence._torch_export import (
    ClassProbabilities,
    Exported,
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
    """What the graph puts out: codes and probabilities, or numbers, in float32.

    Parameters
    ----------
    module : Exported
        Of the estimator.
    layout : callable
        From what comes in to what the module takes.
    """

    def __init__(self, module: Exported, layout: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.layout = layout

    def forward(self, *given: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return what the graph puts out."""
        outputs = self.module.raw(*self.layout(*given))
        answers = self.module.answer(outputs).float()
        if isinstance(self.module, ClassProbabilities):
            return self.module.codes(outputs), answers
        return answers.unsqueeze(1) if answers.dim() == 1 else answers


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
    # Runtimes lack many operators in float64.
    module = export_module(estimator, "to_onnx", torch.float32)
    scaler = getattr(estimator, "_state", None)
    encoder = estimator._encoder if scaler is None else scaler.scaler
    if isinstance(encoder, TableEncoder) and encoder.categories.columns:
        return _mixed_model(estimator, module, sample)
    if isinstance(encoder, ImageEncoder):
        values, layout = _image_layout(estimator, sample)
    else:
        values, layout = _dense(sample), _AsTheyCome()
    model = _traced(_Answers(module, layout), {"X": values})
    return _with_label(model, estimator), {"X": values}


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
    table = estimator._read(sample, reset=False)
    if not table.is_dense or not isinstance(sample, np.ndarray):
        raise PersistenceError(
            "to_onnx takes a sample of images as one array, all of one size. Got "
            f"{type(sample).__name__}."
        )
    last = table.layout.channel_axis == "last"
    shape = tuple(int(side) for side in table.pixels.shape[1:])
    if tuple(table.layout.size) != tuple(estimator_size(estimator)):
        raise PersistenceError(
            f"to_onnx takes images of the size that the network sees, "
            f"{estimator_size(estimator)}. Got {table.layout.size}. Resize the sample, "
            "and in front of the graph all images, with antialiasing."
        )
    return sample, _Images(shape, channels_last=last and len(shape) == 3)


def estimator_size(estimator: Any) -> tuple[int, int]:
    """Return height and width of the images that the network of an estimator sees."""
    state = getattr(estimator, "_state", None)
    encoder: Any = estimator._encoder if state is None else state.scaler
    height, width = encoder.size
    return height, width


def _mixed_model(
    estimator: Any, module: Exported, sample: Any
) -> tuple[Any, dict[str, Array]]:
    from onnx import compose

    front, feeds, numbers_dtype = columns_model(estimator, sample)
    schema = estimator._schema
    n_numeric, n_codes = len(schema.numeric_columns), len(schema.categorical_columns)
    codes = np.zeros((_TRACED_ROWS, n_codes), dtype=np.int64)
    given: dict[str, Array] = {"codes": codes}
    layout: nn.Module = _CodesAlone()
    if n_numeric:
        numbers = np.zeros((_TRACED_ROWS, n_numeric), dtype=numbers_dtype)
        given, layout = {"numbers": numbers, **given}, _AsTheyCome()
    network = _with_label(_traced(_Answers(module, layout), given), estimator)
    network = compose.add_prefix(network, "net_", rename_outputs=False)
    pairs = [(name, f"net_{name}") for name in given]
    return aligned(compose.merge_models(aligned(front), network, io_map=pairs)), feeds


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
    except Exception as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), "")
        raise PersistenceError(
            f"torch cannot write this network as ONNX: {reason}. Use to_torch."
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
    """Return classes as sklearn-onnx would put them out."""
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64)
    return classes.astype(object) if classes.dtype.kind in "UO" else classes
