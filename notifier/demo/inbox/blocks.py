"""Block Kit, as far as the service uses it, as lines to show and elements to press. Pure.

https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Style = Literal["header", "text", "field", "small", "code"]
Document = Mapping[str, Any]
PRESSED: Final = frozenset({"button", "workflow_button"})
CHOSEN: Final = frozenset({"static_select", "overflow", "radio_buttons", "checkboxes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A text of a Slack message; `plain` if it is not mrkdwn."""

    style: Style
    text: str
    plain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A button or a menu. A menu has `choices`, a link button a `url`; `confirm` is a question before the press."""

    type: str
    label: str
    action_id: str
    block_id: str
    style: str = ""
    value: str = ""
    url: str = ""
    choices: tuple[Choice, ...] = ()
    confirm: str = ""


def lines(document: Document) -> Iterator[Line]:
    """The lines of a message in order, including those of attachments."""
    for block in _blocks(document):
        match block.get("type"):
            case "header":
                yield from _texts(block.get("text"), style="header")
            case "section":
                yield from _texts(block.get("text"))
                for part in _list(block, "fields"):
                    yield from _texts(part, style="field")
            case "context":
                for part in _list(block, "elements"):
                    yield from _texts(part, style="small")
            case "markdown":
                yield from _texts({"type": "mrkdwn", "text": block.get("text")})
            case "rich_text":
                yield from _rich(block)
            case _:
                pass


def actions(document: Document) -> Iterator[Action]:
    """The buttons and menus of a message."""
    for place, block in enumerate(_blocks(document)):
        name = str(block.get("block_id") or f"b{place}")
        elements = _list(block, "elements") if block.get("type") == "actions" else [block.get("accessory")]
        for element in elements:
            if isinstance(element, Mapping) and element.get("type") in PRESSED | CHOSEN:
                yield _action(element, name)


def _action(element: Document, block_id: str) -> Action:
    choices = [
        Choice(label=_words(option.get("text")), value=str(option.get("value", "")))
        for option in _list(element, "options")
    ]
    confirm = element.get("confirm")
    return Action(
        type=str(element["type"]),
        label=_words(element.get("text")) or _words(element.get("placeholder")) or "...",
        action_id=str(element.get("action_id", "")),
        block_id=block_id,
        style=str(element.get("style") or ""),
        value=str(element.get("value") or ""),
        url=str(element.get("url") or ""),
        choices=tuple(choices),
        confirm=_words(confirm.get("text")) if isinstance(confirm, Mapping) else "",
    )


def _blocks(document: Document) -> Iterator[Document]:
    yield from _list(document, "blocks")
    for attachment in _list(document, "attachments"):
        inner = _list(attachment, "blocks")
        text = attachment.get("text") or attachment.get("fallback")
        yield from inner or ([{"type": "section", "text": {"type": "mrkdwn", "text": text}}] if text else [])


def _rich(block: Document) -> Iterator[Line]:
    for part in _list(block, "elements"):
        style: Style = "code" if part.get("type") == "rich_text_preformatted" else "text"
        items = _list(part, "elements") if part.get("type") == "rich_text_list" else [part]
        mark = "- " if part.get("type") == "rich_text_list" else ""
        for item in items:
            text = "".join(_inline(element, verbatim=style == "code") for element in _list(item, "elements"))
            if text:
                yield Line(style=style, text=mark + text, plain=style == "code")


def _inline(element: Document, *, verbatim: bool) -> str:
    """A rich-text element as escaped mrkdwn; unchanged if `verbatim`."""
    text = str(
        element.get("text") or element.get("fallback") or element.get("name") or element.get("url") or ""
    )
    if verbatim:
        return text
    text = _escaped(text)
    if element.get("type") == "link":
        return f"<{element.get('url', '')}|{text}>"
    if element.get("type") == "date":
        return f"<!date^{element.get('timestamp', 0)}^{element.get('format', '')}|{text}>"
    style = element.get("style")
    for name, mark in (("bold", "*"), ("code", "`")):
        if isinstance(style, Mapping) and style.get(name) and text.strip():
            text = f"{mark}{text}{mark}"
    return text


def _texts(part: object, *, style: Style = "text") -> Iterator[Line]:
    if isinstance(part, Mapping) and isinstance(part.get("text"), str) and part["text"]:
        yield Line(style=style, text=part["text"], plain=part.get("type") == "plain_text")


def _words(part: object) -> str:
    return str(part.get("text", "")) if isinstance(part, Mapping) else ""


def _list(document: Document, name: str) -> list[Document]:
    items = document.get(name)
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
