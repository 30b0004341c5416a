"""Tables of words."""

from __future__ import annotations

from skdeep.inspection._table import Table


def test_table_sets_numbers_to_the_right():
    """Columns have one width each, and no line ends in blanks."""
    table = Table("title", ("name", "n"), [("a", "1"), ("long", "22")], (1,), "foot")
    assert table.as_text().splitlines() == [
        "title",
        "--------",
        "name   n",
        "--------",
        "a      1",
        "long  22",
        "--------",
        "foot",
    ]


def test_table_html_escapes_words():
    """What looks like a tag is none."""
    table = Table("<title>", ("name",), [("a < b",)], ())
    page = table.as_html()
    assert "&lt;title&gt;" in page
    assert "a &lt; b" in page
