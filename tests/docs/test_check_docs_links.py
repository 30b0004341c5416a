"""The check of the built documentation, .ci/check_docs_links.py, on pages made here."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "check_docs_links.py"
check = runpy.run_path(str(SCRIPT))

WHOLE = """<html><head><link rel="stylesheet" href="style.css?v=1"></head><body>
<a href="sub/other.html#there">a</a> <a href="#here">b</a> <a href="sub/">c</a>
<a href="https://example.org/missing#x">d</a> <a href="mailto:a@example.org">e</a>
<img src="a%20picture.png"> <img src="data:image/png;base64,AA=="> <p id="here"></p>
</body></html>"""


@pytest.fixture
def site(tmp_path):
    """Return a folder of pages that are whole, and a template, which is none."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(WHOLE, encoding="utf-8")
    other = '<h1 id="there">Other</h1><a href="../index.html">back</a>'
    for name in ("other.html", "index.html"):
        (tmp_path / "sub" / name).write_text(other, encoding="utf-8")
    for name in ("style.css", "a picture.png"):
        (tmp_path / name).touch()
    (tmp_path / "_static").mkdir()
    template = '<script src="{{ here }}"></script>'
    (tmp_path / "_static" / "part.html").write_text(template, encoding="utf-8")
    return tmp_path


def test_whole_site_has_no_problems(site, capsys):
    """Links out of the documentation are not looked at, those within lead somewhere."""
    assert check["main"](str(site)) == 0
    assert capsys.readouterr().out == "3 pages, 0 problems\n"


@pytest.mark.parametrize(
    ("was", "now", "problem"),
    [
        ("sub/other.html#there", "sub/gone.html", "links to sub/gone.html, which is"),
        ("#there", "#nowhere", "links to sub/other.html#nowhere, where there is no"),
        ('href="#here"', 'href="#gone"', "links to #gone, where there is no such"),
        ("a%20picture", "gone", "is shown with gone.png, which is not there"),
        ("style.css?v=1", "//cdn.example/a.css", "which is on the network"),
        ("a%20picture.png", "https://example.org/a.png", "which is on the network"),
    ],
)
def test_what_leads_nowhere_is_told(site, was, now, problem, capsys):
    """One thing that is broken is one sentence that names the page."""
    page = site / "index.html"
    page.write_text(WHOLE.replace(was, now), encoding="utf-8")
    assert check["main"](str(site)) == 1
    told = capsys.readouterr().out
    assert told.startswith("index.html ")
    assert problem in told


def test_folder_without_pages_is_refused(tmp_path):
    """A build that went elsewhere does not pass for one without faults."""
    with pytest.raises(SystemExit, match="holds no pages"):
        check["main"](str(tmp_path))
