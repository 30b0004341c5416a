"""Graphs as onnxruntime can run them: types that agree, kernels that exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from skdeep.exceptions import PersistenceError

if TYPE_CHECKING:
    from collections.abc import Callable

_MISSING_KERNEL = re.compile(r"implementation for (\w+)\(")


def runnable(model: Any, what: str) -> Any:
    """Return a session of onnxruntime; put casts into the graph where it needs some.

    onnxruntime has no kernel in float64 for some operators, and converters mix both
    types. Around such operators numbers are cast to float32 and back; where types are
    mixed, float32 is cast to float64.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place.
    what : str
        Whose graph it is, for errors.

    Returns
    -------
    session : onnxruntime.InferenceSession
        On the CPU.

    Raises
    ------
    PersistenceError
        If onnxruntime cannot run it.
    """
    narrowed: set[str] = set()
    agrees = False
    while True:
        try:
            return _session(model)
        # Of onnxruntime, in as many kinds as there are ways to fail.
        except Exception as error:
            found = _MISSING_KERNEL.search(str(error))
            if found is not None and found[1] not in narrowed:
                narrowed.add(found[1])
                _Casts(model).narrow(found[1])
            elif found is None and not agrees:
                agrees = True
                _Casts(model).agree()
            else:
                raise PersistenceError(
                    f"onnxruntime cannot run the graph of {what}: {first_line(error)}"
                ) from error


def _session(model: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # What it warns of while it looks for kernels is no affair of the caller.
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def first_line(error: BaseException) -> str:
    """Return the first line of an error that says anything, without its full stop."""
    lines = (line.strip().rstrip(".") for line in str(error).splitlines())
    return next((line for line in lines if line), type(error).__name__)


class _Casts:
    """Casts to put into a graph.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place.
    """

    def __init__(self, model: Any) -> None:
        from onnx import TensorProto

        self.graph = model.graph
        self.opsets = {entry.domain: entry.version for entry in model.opset_import}
        self.float, self.double = TensorProto.FLOAT, TensorProto.DOUBLE
        self.types: dict[str, int] = {
            value.name: value.type.tensor_type.elem_type for value in self.graph.input
        }
        self.types.update((t.name, t.data_type) for t in self.graph.initializer)
        self.n_casts = 0

    def narrow(self, op_type: str) -> None:
        """Let an operator compute in float32, whatever comes in and goes out."""

        def rewrite(node: Any, names: list[str]) -> int | None:
            wide = node.op_type == op_type and any(
                self.types.get(name) == self.double for name in names
            )
            return self.float if wide else None

        self._rewrite(rewrite, back=True)

    def agree(self) -> None:
        """Let inputs of one type parameter be of one type, which the operator takes."""

        def rewrite(node: Any, names: list[str]) -> int | None:
            kinds = {self.types.get(name) for name in names}
            if self.double in kinds and not self._takes_double(node):
                return self.float
            return self.double if {self.float, self.double} <= kinds else None

        self._rewrite(rewrite, back=False)
        for value in self.graph.output:
            known = self.types.get(value.name)
            if known is not None:
                value.type.tensor_type.elem_type = known

    def _rewrite(
        self, choose: Callable[[Any, list[str]], int | None], *, back: bool
    ) -> None:
        """Go through the nodes in order, and cast the inputs of one type parameter."""
        nodes = []
        for node in self.graph.node:
            after = []
            for letter in self._letters(node):
                places = self._places(node, letter)
                names = [node.input[place] for place in places]
                wanted = choose(node, names)
                if wanted is None:
                    continue
                for place in places:
                    if self.types.get(node.input[place]) in (self.float, self.double):
                        nodes += self._cast_input(node, place, wanted)
                if back:
                    after += self._cast_outputs(node, letter)
            nodes += [node, *after]
            self._infer(node)
            for cast in after:
                self.types[cast.output[0]] = self.double
        kept = [type(node)() for node in nodes]
        for copied, node in zip(kept, nodes, strict=True):
            copied.CopyFrom(node)
        del self.graph.node[:]
        self.graph.node.extend(kept)

    def _cast_input(self, node: Any, place: int, to: int) -> list[Any]:
        name = node.input[place]
        if self.types.get(name) == to:
            return []
        node.input[place] = self._new_name(name)
        self.types[node.input[place]] = to
        return [_cast(name, node.input[place], to)]

    def _cast_outputs(self, node: Any, letter: str) -> list[Any]:
        casts = []
        schema = self._schema(node)
        for place, name in enumerate(node.output):
            formal = schema.outputs[min(place, len(schema.outputs) - 1)]
            if formal.type_str == letter:
                node.output[place] = self._new_name(name)
                casts.append(_cast(node.output[place], name, self.double))
        return casts

    def _new_name(self, name: str) -> str:
        self.n_casts += 1
        return f"{name}_cast{len(self.types)}_{self.n_casts}"

    def _schema(self, node: Any) -> Any:
        from onnx import defs

        try:
            version = self.opsets.get(node.domain, 1)
            return defs.get_schema(node.op_type, version, node.domain)
        except defs.SchemaError:
            return None

    def _letters(self, node: Any) -> list[str]:
        """Return the type parameters of an operator."""
        schema = self._schema(node)
        if schema is None:
            return []
        return [constraint.type_param_str for constraint in schema.type_constraints]

    def _places(self, node: Any, letter: str) -> list[int]:
        schema = self._schema(node)
        last = len(schema.inputs) - 1
        return [
            place
            for place, name in enumerate(node.input)
            if name and schema.inputs[min(place, last)].type_str == letter
        ]

    def _takes_double(self, node: Any) -> bool:
        schema = self._schema(node)
        return any(
            "tensor(double)" in constraint.allowed_type_strs
            for constraint in schema.type_constraints
        )

    def _infer(self, node: Any) -> None:
        """Note the types of what a node puts out, as far as they can be told."""
        from onnx import TensorProto

        schema = self._schema(node)
        if schema is None:
            return
        bound = {
            schema.inputs[min(place, len(schema.inputs) - 1)].type_str: self.types[name]
            for place, name in enumerate(node.input)
            if name in self.types
        }
        attributes = {attribute.name: attribute for attribute in node.attribute}
        for place, name in enumerate(node.output):
            formal = schema.outputs[min(place, len(schema.outputs) - 1)].type_str
            if node.op_type == "Cast":
                self.types[name] = attributes["to"].i
            elif node.op_type in ("Constant", "ConstantOfShape"):
                given = attributes.get("value")
                self.types[name] = self.float if given is None else given.t.data_type
            elif formal in bound:
                self.types[name] = bound[formal]
            elif formal.startswith("tensor("):
                kind = formal.removeprefix("tensor(").removesuffix(")").upper()
                self.types[name] = TensorProto.DataType.Value(kind)


def _cast(name: str, output: str, to: int) -> Any:
    from onnx import helper

    return helper.make_node("Cast", [name], [output], name=output, to=to)
