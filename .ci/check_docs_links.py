"""Check that the built documentation is whole, without the network.

Every link and every picture within it must lead to a file that is there, every anchor
to a place that is there, and nothing that a page is shown with may come from elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself when it shows a page.
FETCHED = {"audio", "iframe", "img", "script", "source", "video"}
SHOWN_WITH = {"icon", "modulepreload", "preload", "stylesheet"}


class Page(HTMLParser):
    """The anchors of a page, and what it points to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.parts: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one element says."""
        said = {name: value for name, value in attrs if value}
        self.anchors |= {said[name] for name in ("id", "name") if name in said}
        kinds = set(said.get("rel", "").split())
        if tag in FETCHED and "src" in said:
            self.parts.append(said["src"])
        elif tag == "link" and kinds & SHOWN_WITH and "href" in said:
            self.parts.append(said["href"])
        elif "href" in said:
            self.links.append(said["href"])


def pages_of(root: Path) -> list[Path]:
    """List the pages; what a theme keeps in its folder of parts are templates."""
    found = sorted(root.rglob("*.html"))
    return [path for path in found if "_static" not in path.parts]


def problems(root: Path) -> Iterator[str]:
    """Yield a sentence for everything that leads nowhere."""
    pages = {path: Page(path) for path in pages_of(root.resolve())}
    for path, page in pages.items():
        name = path.relative_to(root.resolve()).as_posix()
        for target in page.parts:
            address = urlsplit(target)
            if address.netloc:
                yield f"{name} is shown with {target}, which is on the network."
            elif address.scheme != "data" and not place_of(path, address.path).exists():
                yield f"{name} is shown with {target}, which is not there."
        for target in page.links:
            address = urlsplit(target)
            if not address.scheme and not address.netloc:
                yield from broken(name, target, path, pages)


def broken(
    name: str, target: str, path: Path, pages: dict[Path, Page]
) -> Iterator[str]:
    """Yield a sentence if a link within the documentation is broken."""
    address = urlsplit(target)
    place = place_of(path, address.path)
    anchor = unquote(address.fragment)
    if place.is_dir():
        place /= "index.html"
    if not place.exists():
        yield f"{name} links to {target}, which is not there."
    elif anchor and place in pages and anchor not in pages[place].anchors:
        yield f"{name} links to {target}, where there is no such anchor."


def place_of(path: Path, address: str) -> Path:
    """Return the file that an address on a page stands for."""
    return (path.parent / unquote(address)).resolve() if address else path


def main(folder: str) -> int:
    """Tell what is broken, and return how much it is."""
    root = Path(folder)
    n_pages = len(pages_of(root))
    if not n_pages:
        raise SystemExit(f"{folder} holds no pages. Build the documentation first.")
    found = sorted(set(problems(root)))
    print(*found, f"{n_pages} pages, {len(found)} problems", sep="\n")
    return len(found)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1]), 1))
