"""Configuration of the documentation: `tox -e docs` builds it, without the network."""

from __future__ import annotations

import os
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

# Examples are run in processes of their own, which are not to wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
LOGGER = getLogger(__name__)
DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

import skdeep  # noqa: E402 - from the checkout

project = "skdeep"
author = "skdeep developers"
copyright = "skdeep developers"  # noqa: A001 - Sphinx's name
version = release = skdeep.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "changes.d/+*", "**/GALLERY_HEADER.rst"]
# Of the pickled environment: the gallery's settings hold objects.
suppress_warnings = ["config.cache"]
default_role = "code"
extlinks = {
    "arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s"),
    "doi": ("https://doi.org/%s", "doi:%s"),
}
myst_enable_extensions = ["attrs_block", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
# Formulas are part of the page: browsers draw them without a script from elsewhere.
html_math_renderer = "mathml"

autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = "skdeep"
html_logo = html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["skdeep.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "skdeep"},
    "navbar_align": "left",
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "search_bar_text": "Search",
}

# Examples as one would read them: first steps, then chapter by chapter of the course.
READING_ORDER = [
    "quickstart",
    "plot_first_network",
    "plot_forward_pass",
    "plot_activations",
    "plot_losses",
    "plot_optimizers",
    "plot_regularization",
    "plot_training_curves",
    "plot_cross_validation",
    "plot_search",
    "plot_model_selection",
    "saving_and_serving",
    "plot_cnn",
    "digits_cnn",
    "plot_grad_cam",
    "transfer_from_folder",
    "augmentation_and_layers",
    "plot_augmentation",
    "tuning_augmentation",
    "tuning_text_augmentation",
]


class ReadingOrder:
    """Put examples that have no place in the reading order behind the others."""

    def __init__(self, _folder: str) -> None:
        self.places = {name: place for place, name in enumerate(READING_ORDER)}

    def __call__(self, name: str) -> tuple[int, str]:
        """Return what the file of an example is sorted by."""
        return self.places.get(Path(name).stem, len(self.places)), name


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    # All of them run, not only those that draw.
    "filename_pattern": r"\.py$",
    "backreferences_dir": "api/backreferences",
    "doc_module": ("skdeep",),
    "reference_url": {},
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    # A display is its picture, not the address of an object.
    "capture_repr": ("_repr_html_",),
    "within_subsection_order": ReadingOrder,
    # Of examples that print and do not draw.
    "default_thumb_file": str(DOCS / "_static" / "logo.svg"),
    # No page need tell how long an example took; the table of all of them would fetch
    # scripts from the network.
    "min_reported_time": 10_000,
    "write_computation_times": False,
}

# Room -> how its part of the reference is called.
ROOMS = {
    "skdeep.tabular": "Tables",
    "skdeep.image": "Images",
    "skdeep.text": "Texts",
    "skdeep.model_selection": "Searches",
    "skdeep.inspection": "Inspection",
    "skdeep.persistence": "Files",
    "skdeep._show_versions": "Bug reports",
}

# A role with a title of its own, or none.
REFERENCE = re.compile(r":(?:ref|term):`([^`<]+?)\s*(?:<[^>]*>)?`")


def write_reference(_app: Any, _config: Any) -> None:
    """Write the page that lists all public names, by room."""
    rooms = defaultdict(list)
    for name, room in skdeep._ROOMS.items():  # noqa: SLF001 - the table is not public
        if room != "skdeep.exceptions":
            rooms[room].append(name)
    lines = ["API reference", "=============", ""]
    lines += ["All names but the errors can be imported from ``skdeep`` itself.", ""]
    for room in [*ROOMS, *sorted(set(rooms) - set(ROOMS))]:
        if room in rooms:
            lines += _section(ROOMS.get(room, room), "skdeep", rooms[room])
    errors = skdeep.exceptions.__all__
    lines += _section("Errors and warnings", "skdeep.exceptions", errors)
    path = DOCS / "api" / "index.rst"
    path.parent.mkdir(exist_ok=True)
    text = "\n".join(lines)
    # A page that is the same is not built again.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _section(title: str, module: str, names: list[str]) -> list[str]:
    return [
        title,
        "-" * len(title),
        "",
        f".. currentmodule:: {module}",
        "",
        ".. autosummary::",
        "   :toctree: generated",
        "   :nosignatures:",
        "",
        *(f"   {name}" for name in sorted(names)),
        "",
    ]


def drop_references(
    _app: Any, _what: str, _name: str, _value: Any, _options: Any, lines: list[str]
) -> None:
    """Take links into scikit-learn's guide out of what is inherited from it."""
    for place, line in enumerate(lines):
        lines[place] = REFERENCE.sub(_as_text, line)


def _as_text(reference: re.Match[str]) -> str:
    """Return the words of a reference; an underscore at their end would link, too."""
    words = reference[1]
    return f"``{words}``" if words.endswith("_") else words


def write_formula(translator: Any, node: nodes.Element) -> None:
    """Put a formula into the page as MathML."""
    as_block = isinstance(node, nodes.math_block)
    try:
        formula = tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:
        LOGGER.warning("no formula: %s", error, location=node)
        formula = ""
    tag = "div" if as_block else "span"
    translator.body.append(f'<{tag} class="formula">{formula}</{tag}>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Have the reference written before pages are looked for, and read right."""
    app.add_html_math_renderer("mathml", (write_formula, None), (write_formula, None))
    app.connect("config-inited", write_reference)
    app.connect("autodoc-process-docstring", drop_references)
