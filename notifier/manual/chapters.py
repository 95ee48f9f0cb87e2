"""The manual's chapters in the order of the table of contents, which is `README.md` of this folder, the first page."""

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
    """A page of the manual. `path` is its file without the suffix (`guides/email`), and empty for the first page.

    `text` is the file's Markdown, in which a `generated` block names the functions that write a part of the
    page.
    """

    path: str
    part: str
    title: str
    text: str

    def with_generated(self) -> Chapter:
        """The chapter with its generated parts filled in; this imports the code that they describe."""
        return replace(self, text=GENERATED.sub(_generated, self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, its anchor as on GitHub, and the lines up to the next heading."""

    title: str
    anchor: str
    lines: Sequence[str]


@cache
def chapters() -> Sequence[Chapter]:
    """The first page, then every chapter that it lists."""
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
    """The chapter with this path, or None."""
    return next((chapter for chapter in chapters() if chapter.path == path), None)


def chapters_named(word: str) -> Sequence[Chapter]:
    """The chapters whose path, file name or title is `word`."""
    name = word.strip().strip("/").lower().removesuffix(".md")
    return tuple(
        chapter
        for chapter in chapters()
        if chapter.path and name in {chapter.path, chapter.path.rpartition("/")[2], chapter.title.lower()}
    )


def picture_at(path: str) -> tuple[bytes, str] | None:
    """The content and media type of a picture, or None if there is none at this path."""
    kind = PICTURES.get(path.rpartition(".")[2])
    if kind is None or not re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+){0,3}\.[a-z]+", path):
        return None
    file = files("notifier.manual").joinpath(path)
    return (file.read_bytes(), kind) if file.is_file() else None


def link_target(chapter: Chapter, target: str) -> str | None:
    """The target of a link as a path below the manual's root (`guides/email#tls`), or None if it leaves the manual."""
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
    """The sections of a chapter; the first is its title."""
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
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", plain_words(heading).lower()).replace(" ", "-")


def plain_words(markdown: str) -> str:
    """A line without Markdown markup."""
    return _LINK.sub(r"\1", markdown).replace("`", "").replace("**", "").replace("\\|", "|")


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line with whether it belongs to a code block."""
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


def _generated(block: re.Match[str]) -> str:
    return "\n".join(map(_text_of, block["names"].split()))


@cache
def _text_of(name: str) -> str:
    """The text that the named function returns; `name` is an entry point such as `notifier.cli.reference:commands`.

    The function belongs to a layer above this one, so it is imported by name, when a reader opens the page.
    """
    module, _, function = name.partition(":")
    try:
        return str(getattr(importlib.import_module(module), function)())
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("notifier"):
            raise
        return _ABSENT
