"""Fitted estimators in files and in other hands: saved, exported, described."""

from skdeep.persistence._checkpoint import Checkpoint
from skdeep.persistence._model_card import model_card
from skdeep.persistence._onnx import to_onnx
from skdeep.persistence._onnx_sklearn import register_onnx_converters
from skdeep.persistence._saving import load, save
from skdeep.persistence._torch_export import to_torch

__all__ = [
    "Checkpoint",
    "load",
    "model_card",
    "register_onnx_converters",
    "save",
    "to_onnx",
    "to_torch",
]
