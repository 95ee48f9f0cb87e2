"""`notifier manual [WORD ...]`: the manual of this version in the terminal, without a running service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from notifier.cli.options import Arguments, Subparsers, command
from notifier.cli.screen import BOLD, Screen
from notifier.cli.session import CommandSession, Exit
from notifier.cli.text import as_json
from notifier.manual.chapters import (
    FENCE,
    HEADING,
    Chapter,
    chapters,
    chapters_named,
    link_target,
    plain_words,
)
from notifier.manual.search import ManualHit, ManualIndex

EPILOG = """\
  notifier manual                    what there is
  notifier manual email              a chapter
  notifier manual restore a backup   which chapters answer these words"""


def add(commands: Subparsers) -> None:
    parser = command(commands, "manual", manual, "read the manual of this version, or search it")
    parser.epilog = EPILOG
    parser.add_argument(
        "word", metavar="WORD", nargs="*", help="the name of a chapter, or words to search for"
    )


def manual(arguments: Arguments, session: CommandSession) -> Exit:
    query = " ".join(arguments.word)
    screen = session.screen()
    found = chapters_named(query) if query else chapters()[:1]
    if len(found) == 1:
        chapter = found[0].with_generated()
        fields = {"path": chapter.path, "title": chapter.title, "text": chapter.text}
        session.put(as_json(fields) if arguments.json else "\n".join(_page(chapter, screen)))
        return Exit.OK
    hits = _search(query)
    if arguments.json:
        session.put(as_json({"items": [_fields(hit) for hit in hits]}))
    elif hits:
        session.put("\n".join(_found(hits, screen)))
    else:
        session.say("No chapter has these words: `notifier manual` lists them all.")
    return Exit.OK if hits else Exit.NO


def _search(query: str) -> Sequence[ManualHit]:
    """The search over the files' text; if nothing matches, over generated parts as well, whose imports take seconds."""
    listed = [chapter for chapter in chapters() if chapter.path]
    return ManualIndex(listed).find(query) or ManualIndex(
        chapter.with_generated() for chapter in listed
    ).find(query)


def _page(chapter: Chapter, screen: Screen) -> Iterator[str]:
    """The chapter's Markdown, with links replaced by the commands that open them."""
    fence = False
    for line in chapter.text.splitlines():
        mark = FENCE.match(line.strip()) is not None
        if mark:
            fence = not fence
            continue
        if fence:
            yield f"    {line}"
        elif HEADING.match(line):
            yield screen.style(plain_words(line.lstrip("# ")), BOLD)
        else:
            yield re.sub(r"!?\[([^\]]*)\]\(([^)\s]+)\)", lambda link: _link(chapter, link), line)


def _link(chapter: Chapter, link: re.Match[str]) -> str:
    within = link_target(chapter, link[2])
    if within is None:
        return f"{link[1]} ({link[2]})"
    name = within.partition("#")[0]
    return link[1] if name in {"", chapter.path} else f"{link[1]} [{name}]"


def _found(hits: Sequence[ManualHit], screen: Screen) -> Iterator[str]:
    for hit in hits:
        section = "" if hit.section == hit.title else f": {hit.section}"
        yield f"{screen.style(hit.path, 'bold')}  {hit.title}{section}"
        yield from screen.wrap(hit.snippet, "    ")


def _fields(hit: ManualHit) -> dict[str, str]:
    return {"path": hit.path, "title": hit.title, "section": hit.section, "snippet": hit.snippet}
