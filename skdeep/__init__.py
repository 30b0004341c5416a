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
    "AugmentedClassifier",
    "AugmentedRegressor",
    "CNNClassifier",
    "CNNRegressor",
    "ImageAugmenter",
    "ImageClassifier",
    "ImageFeatureExtractor",
    "ImageRegressor",
    "MLPClassifier",
    "MLPRegressor",
    "TabularMLPClassifier",
    "TabularMLPRegressor",
    "TextAugmenter",
    "TextClassifier",
    "TextRegressor",
    "exceptions",
    "load_images",
    "recipe_params",
    "show_versions",
]

# Public name -> the room it lives in; a room that is public as a whole is its own.
_ROOMS = {
    "AugmentedClassifier": "skdeep.text",
    "AugmentedRegressor": "skdeep.text",
    "CNNClassifier": "skdeep.image",
    "CNNRegressor": "skdeep.image",
    "ImageAugmenter": "skdeep.image",
    "ImageClassifier": "skdeep.image",
    "ImageFeatureExtractor": "skdeep.image",
    "ImageRegressor": "skdeep.image",
    "MLPClassifier": "skdeep.tabular",
    "MLPRegressor": "skdeep.tabular",
    "TabularMLPClassifier": "skdeep.tabular",
    "TabularMLPRegressor": "skdeep.tabular",
    "TextAugmenter": "skdeep.text",
    "TextClassifier": "skdeep.text",
    "TextRegressor": "skdeep.text",
    "exceptions": "skdeep.exceptions",
    "load_images": "skdeep.image",
    "recipe_params": "skdeep.tabular",
    "show_versions": "skdeep._show_versions",
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
