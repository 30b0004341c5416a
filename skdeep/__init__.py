"""Deep learning with scikit-learn's manners, on PyTorch.

Every public name can be imported from here. The rooms they live in, and with them
NumPy, PyTorch and scikit-learn, are loaded when a name is first asked for.
"""

from __future__ import annotations

from importlib import import_module

# Type checkers take this name for true, and `typing` need not be imported.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skdeep import exceptions
    from skdeep._show_versions import show_versions
    from skdeep.image import (
        CNNClassifier,
        CNNRegressor,
        ImageAugmenter,
        ImageClassifier,
        ImageFeatureExtractor,
        ImageRegressor,
        load_images,
    )
    from skdeep.inspection import (
        ActivationDisplay,
        AugmentationDisplay,
        ForwardPassDisplay,
        GradCAMDisplay,
        LRRangeDisplay,
        NetworkDisplay,
        ScheduleDisplay,
        SearchDisplay,
        TrainingCurveDisplay,
        forward_pass,
        grad_cam,
        lr_range_test,
        summary,
        top_losses,
    )
    from skdeep.model_selection import OptunaSearchCV, VectorizedSearchCV, search_space
    from skdeep.persistence import (
        Checkpoint,
        load,
        model_card,
        register_onnx_converters,
        save,
        to_onnx,
        to_torch,
    )
    from skdeep.tabular import (
        MLPClassifier,
        MLPRegressor,
        TabularMLPClassifier,
        TabularMLPRegressor,
        recipe_params,
    )
    from skdeep.text import (
        AugmentedClassifier,
        AugmentedRegressor,
        TextAugmenter,
        TextClassifier,
        TextRegressor,
    )

__version__ = "0.1.0.dev0"

__all__ = [
    "ActivationDisplay",
    "AugmentationDisplay",
    "AugmentedClassifier",
    "AugmentedRegressor",
    "CNNClassifier",
    "CNNRegressor",
    "Checkpoint",
    "ForwardPassDisplay",
    "GradCAMDisplay",
    "ImageAugmenter",
    "ImageClassifier",
    "ImageFeatureExtractor",
    "ImageRegressor",
    "LRRangeDisplay",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkDisplay",
    "OptunaSearchCV",
    "ScheduleDisplay",
    "SearchDisplay",
    "TabularMLPClassifier",
    "TabularMLPRegressor",
    "TextAugmenter",
    "TextClassifier",
    "TextRegressor",
    "TrainingCurveDisplay",
    "VectorizedSearchCV",
    "exceptions",
    "forward_pass",
    "grad_cam",
    "load",
    "load_images",
    "lr_range_test",
    "model_card",
    "recipe_params",
    "register_onnx_converters",
    "save",
    "search_space",
    "show_versions",
    "summary",
    "to_onnx",
    "to_torch",
    "top_losses",
]

# Public name -> the room it lives in; a room that is public as a whole is its own.
_ROOMS = {
    "ActivationDisplay": "skdeep.inspection",
    "AugmentationDisplay": "skdeep.inspection",
    "AugmentedClassifier": "skdeep.text",
    "AugmentedRegressor": "skdeep.text",
    "CNNClassifier": "skdeep.image",
    "CNNRegressor": "skdeep.image",
    "Checkpoint": "skdeep.persistence",
    "ForwardPassDisplay": "skdeep.inspection",
    "GradCAMDisplay": "skdeep.inspection",
    "ImageAugmenter": "skdeep.image",
    "ImageClassifier": "skdeep.image",
    "ImageFeatureExtractor": "skdeep.image",
    "ImageRegressor": "skdeep.image",
    "LRRangeDisplay": "skdeep.inspection",
    "MLPClassifier": "skdeep.tabular",
    "MLPRegressor": "skdeep.tabular",
    "NetworkDisplay": "skdeep.inspection",
    "OptunaSearchCV": "skdeep.model_selection",
    "ScheduleDisplay": "skdeep.inspection",
    "SearchDisplay": "skdeep.inspection",
    "TabularMLPClassifier": "skdeep.tabular",
    "TabularMLPRegressor": "skdeep.tabular",
    "TextAugmenter": "skdeep.text",
    "TextClassifier": "skdeep.text",
    "TextRegressor": "skdeep.text",
    "TrainingCurveDisplay": "skdeep.inspection",
    "VectorizedSearchCV": "skdeep.model_selection",
    "exceptions": "skdeep.exceptions",
    "forward_pass": "skdeep.inspection",
    "grad_cam": "skdeep.inspection",
    "load": "skdeep.persistence",
    "load_images": "skdeep.image",
    "lr_range_test": "skdeep.inspection",
    "model_card": "skdeep.persistence",
    "recipe_params": "skdeep.tabular",
    "register_onnx_converters": "skdeep.persistence",
    "save": "skdeep.persistence",
    "search_space": "skdeep.model_selection",
    "show_versions": "skdeep._show_versions",
    "summary": "skdeep.inspection",
    "to_onnx": "skdeep.persistence",
    "to_torch": "skdeep.persistence",
    "top_losses": "skdeep.inspection",
}


def __getattr__(name: str) -> Any:
    """Load the room of a public name when it is first asked for (PEP 562)."""
    room = _ROOMS.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(room)
    value = module if room.endswith(f".{name}") else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
