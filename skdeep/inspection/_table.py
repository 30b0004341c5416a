"""Rows of words and numbers as text, and as HTML for notebooks."""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence
from dataclasses import dataclass

Row = Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table that is shown, and not computed with.

    Parameters
    ----------
    title : str
        Above it.
    head : sequence of str
        Names of the columns.
    rows : sequence of sequences of str
        One cell for each column.
    right : collection of int
        Columns set to the right.
    foot : str, default=""
        Below it.
    """

    title: str
    head: Row
    rows: Sequence[Row]
    right: Collection[int]
    foot: str = ""

    def as_text(self) -> str:
        """Return the table as lines of text, in columns of one width."""
        rows = [self.head, *self.rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(self._padded(row, widths)).rstrip() for row in rows]
        rule = "-" * max(map(len, lines))
        ends = [rule, self.foot] if self.foot else [rule]
        return "\n".join([self.title, rule, lines[0], rule, *lines[1:], *ends])

    def _padded(self, row: Row, widths: Sequence[int]) -> list[str]:
        return [
            cell.rjust(width) if place in self.right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]

    def as_html(self) -> str:
        """Return the table as HTML."""
        caption = ": ".join(part for part in (self.title, self.foot) if part)
        body = "".join(self._html_row(row, "td") for row in self.rows)
        return (
            f"<table><caption>{html.escape(caption)}</caption>"
            f"<thead>{self._html_row(self.head, 'th')}</thead>"
            f"<tbody>{body}</tbody></table>"
        )

    def _html_row(self, row: Row, tag: str) -> str:
        cells = (
            f'<{tag} style="text-align: {"right" if place in self.right else "left"}">'
            f"{html.escape(cell)}</{tag}>"
            for place, cell in enumerate(row)
        )
        return f"<tr>{''.join(cells)}</tr>"
