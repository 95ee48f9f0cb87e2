"""The manual's Markdown as HTML: raw HTML is escaped, headings have GitHub's anchors, links lead to our pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from notifier.manual.chapters import Chapter, link_target, sections


def html_of(chapter: Chapter, root: str) -> Markup:
    """The chapter's text. `root` is the address of the manual's first page, `/manual`."""
    parser = _parser()
    tokens = parser.parse(chapter.text)
    _anchor(tokens, chapter)
    for token in _all(tokens):
        for name in ("href", "src"):
            target = token.attrGet(name)
            within = link_target(chapter, str(target)) if target is not None else None
            if within is not None:
                token.attrSet(
                    name, f"{root}/{within}" if within and not within.startswith("#") else f"{root}{within}"
                )
            elif name == "href" and target is not None:
                token.attrSet("rel", "noreferrer")
    # The input is our own files, and the option `html` is off, so HTML in them is escaped.
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704


def _anchor(tokens: Sequence[Token], chapter: Chapter) -> None:
    anchors = iter(section.anchor for section in sections(chapter))
    for token in tokens:
        if token.type == "heading_open" and token.level == 0:
            token.attrSet("id", next(anchors, ""))


def _all(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or ())


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("fence", _code)
    parser.add_render_rule("table_open", _table)
    return parser


def _code(_: object, tokens: Sequence[Token], place: int, *__: object) -> str:
    """A code block. It is focusable, because it may be wider than the page and need scrolling."""
    return f'<pre tabindex="0"><code>{escape(tokens[place].content)}</code></pre>\n'


def _table(*_: object) -> str:
    """The start of a table in a container that scrolls on narrow screens."""
    return '<table tabindex="0">\n'
