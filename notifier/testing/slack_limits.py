"""Slack's limits on messages (https://docs.slack.dev/reference/block-kit), and a check of a message against them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

# Undocumented, and reports of it differ: this is the lowest value known to be refused.
_ALL_BLOCKS = 11_300
_TEXTS = {"header": 150, "section": 3_000, "context": 3_000}
_ELEMENTS = {"button", "static_select", "overflow"}
_BUTTON = {"type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"}


def slack_complaint(document: Mapping[str, Any]) -> str | None:
    """The first of Slack's limits that the message exceeds, or None."""
    blocks = document.get("blocks", [])
    if not document.get("text") and not blocks:
        return "no_text"
    if len(blocks) > 50:
        return "more than 50 blocks"
    if len(json.dumps(blocks, ensure_ascii=False)) > _ALL_BLOCKS:
        return "msg_blocks_too_long"
    return next((why for block in blocks for why in _block_complaints(block)), None)


def _block_complaints(block: Mapping[str, Any]) -> Iterator[str]:
    kind = block.get("type")
    if kind == "actions":
        yield from _actions_complaints(block.get("elements", []))
    elif kind not in _TEXTS:
        yield f"unknown block {kind}"
    else:
        yield from _text_complaints(kind, block)


def _text_complaints(kind: str, block: Mapping[str, Any]) -> Iterator[str]:
    parts = [block["text"]] if "text" in block else []
    fields = block.get("fields", [])
    elements = block.get("elements", [])
    if not parts and not fields and not elements:
        yield f"an empty {kind}"
    if len(fields) > 10 or len(elements) > 10:
        yield f"more than 10 parts in a {kind}"
    limits = [(part, _TEXTS[kind]) for part in [*parts, *elements]] + [(part, 2_000) for part in fields]
    if any(_wrong_length(part["text"], limit) for part, limit in limits):
        yield f"a text in a {kind} of the wrong length"


def _actions_complaints(elements: list[Mapping[str, Any]]) -> Iterator[str]:
    if not 1 <= len(elements) <= 25:
        yield "actions have 1 to 25 elements"
    ids = [element.get("action_id") for element in elements]
    if len(set(ids)) != len(ids):
        yield "an action_id twice in one block"
    for element in elements:
        if element.get("type") not in _ELEMENTS:
            yield f"unknown element {element.get('type')}"
        if "action_id" in element and _wrong_length(element["action_id"], 255):
            yield "an action_id of the wrong length"
        yield from (
            _button_complaints(element) if element.get("type") == "button" else _menu_complaints(element)
        )


def _button_complaints(button: Mapping[str, Any]) -> Iterator[str]:
    if set(button) - _BUTTON:
        yield f"a button with {sorted(set(button) - _BUTTON)}"
    if button.get("style") not in {None, "primary", "danger"}:
        yield "a button of an unknown style"
    yield from _plain_text_complaints(button.get("text"), 75)
    for name, limit in (("value", 2_000), ("url", 3_000)):
        if name in button and _wrong_length(button[name], limit):
            yield f"a button's {name} of the wrong length"


def _menu_complaints(menu: Mapping[str, Any]) -> Iterator[str]:
    options = menu.get("options", [])
    if not 1 <= len(options) <= (5 if menu.get("type") == "overflow" else 100):
        yield "too few options, or too many"
    if "placeholder" in menu:
        yield from _plain_text_complaints(menu["placeholder"], 150)
    for option in options:
        yield from _plain_text_complaints(option.get("text"), 75)
        if _wrong_length(option.get("value", ""), 150):
            yield "an option's value of the wrong length"


def _plain_text_complaints(text: Mapping[str, Any] | None, limit: int) -> Iterator[str]:
    if text is None or text.get("type") != "plain_text" or _wrong_length(text.get("text", ""), limit):
        yield "a label that is no plain text of the right length"


def _wrong_length(text: str, limit: int) -> bool:
    return not 1 <= len(text.encode("utf-16-le", "surrogatepass")) // 2 <= limit
