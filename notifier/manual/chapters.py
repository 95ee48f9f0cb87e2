"""The chapters, in the order of the table of contents: `README.md` of this folder, which is the manual's first page."""

from __future__ import annotations

import importlib
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
GENERATED = re.compile(r"^```generated\n(?P<names>.+?)^```\n", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#{1,6}) +(.+?) *$")
PICTURES = {"png": "image/png", "svg": "image/svg+xml", "webp": "image/webp"}
_LISTED = re.compile(r"^(?:## (?P<part>.+)|- \[[^\]]+\]\((?P<file>[a-z0-9/-]+)\.md\).*)$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*\)")
_ABSENT = (
    "This part is written from the code of the service, and only the client is installed here: a running service shows "
    "it at `/manual`, and the extra `server` brings it.\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A page of the manual. `path` is its file without the ending, such as `guides/email`; empty: the first page.

    `text` is Markdown as it stands in the file, where a block `generated` names the functions that write what belongs
    there; `whole` has what they write.
    """

    path: str
    part: str
    title: str
    text: str

    def whole(self) -> Chapter:
        """The chapter with all that is written from the code; it costs the import of what is described."""
        return replace(self, text=GENERATED.sub(_written, self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with its anchor as GitHub makes it, and the lines below it, up to the next heading."""

    title: str
    anchor: str
    lines: Sequence[str]


@cache
def chapters() -> Sequence[Chapter]:
    """The first page, and then every chapter that it lists."""
    first = _read("README")
    listed = [Chapter(path="", part="", title=_title(first), text=first)]
    part = ""
    for row in _LISTED.finditer(first):
        part = row["part"] or part
        if path := row["file"]:
            text = _read(path)
            listed.append(Chapter(path=path, part=part, title=_title(text), text=text))
    return tuple(listed)


def chapter_at(path: str) -> Chapter | None:
    """The chapter of this path."""
    return next((chapter for chapter in chapters() if chapter.path == path), None)


def chapters_named(word: str) -> Sequence[Chapter]:
    """The chapters that a word names: by their path, its end, or their title."""
    name = word.strip().strip("/").lower().removesuffix(".md")
    return tuple(
        chapter
        for chapter in chapters()
        if chapter.path and name in {chapter.path, chapter.path.rpartition("/")[2], chapter.title.lower()}
    )


def picture_at(path: str) -> tuple[bytes, str] | None:
    """A picture's content and media type."""
    kind = PICTURES.get(path.rpartition(".")[2])
    if kind is None or not re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+){0,3}\.[a-z]+", path):
        return None
    file = files("notifier.manual").joinpath(path)
    return (file.read_bytes(), kind) if file.is_file() else None


def linked(chapter: Chapter, target: str) -> str | None:
    """A link's target as a path below the manual's root, `guides/email#tls`; None: it leads out of the manual."""
    if re.match(r"[a-z]+:", target):
        return None
    name, sign, anchor = target.partition("#")
    if not name:
        return f"{chapter.path}{sign}{anchor}"
    path = posixpath.normpath(posixpath.join(posixpath.dirname(chapter.path), name))
    if path.startswith("../"):
        return None
    page = path.removesuffix(".md")
    return f"{'' if page == 'README' else page}{sign}{anchor}"


def sections(chapter: Chapter) -> Iterator[Section]:
    """The chapter by its headings; the first is its title."""
    seen: Counter[str] = Counter()
    title, lines = chapter.title, list[str]()
    anchor, started = "", False
    for line, is_code in _lines(chapter.text):
        heading = None if is_code else HEADING.match(line)
        if heading is None:
            lines.append(line)
            continue
        if started:
            yield Section(title=title, anchor=anchor, lines=lines)
        title, lines, started = plain_words(heading[2]), [], True
        anchor = anchor_of(heading[2])
        seen[anchor] += 1
        anchor = anchor if seen[anchor] == 1 else f"{anchor}-{seen[anchor] - 1}"
    yield Section(title=title, anchor=anchor, lines=lines)


def anchor_of(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", plain_words(heading).lower()).replace(" ", "-")


def plain_words(markdown: str) -> str:
    """A line without the signs of Markdown."""
    return _LINK.sub(r"\1", markdown).replace("`", "").replace("**", "").replace("\\|", "|")


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it belongs to a block of code."""
    fence = ""
    for line in text.splitlines():
        mark = FENCE.match(line.strip())
        if fence:
            yield line, True
            fence = "" if line.strip().startswith(fence) and mark else fence
        else:
            fence = mark[1] if mark else ""
            yield line, bool(fence)


def _title(text: str) -> str:
    found = HEADING.match(text.splitlines()[0]) if text else None
    if found is None:
        raise ValueError("a chapter begins with its title, `# Title`")
    return plain_words(found[2])


def _read(path: str) -> str:
    return files("notifier.manual").joinpath(f"{path}.md").read_text("utf-8")


def _written(block: re.Match[str]) -> str:
    return "\n".join(map(_written_by, block["names"].split()))


@cache
def _written_by(name: str) -> str:
    """The text of what a line names, `notifier.cli.reference:commands`, as an entry point does.

    What is described stands on floors above this one, so that it is named, and imported once somebody reads of it.
    """
    module, _, function = name.partition(":")
    try:
        return str(getattr(importlib.import_module(module), function)())
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("notifier"):
            raise
        return _ABSENT
