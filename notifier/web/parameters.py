"""Parsing of queries and forms. `Unreadable` is raised with the accepted values."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import TypeVar

from notifier.ingest.sanitise import text as sanitised
from notifier.oncall.errors import Unreadable
from notifier.oncall.paging import PageRequest
from notifier.web.forms import Form

E = TypeVar("E", bound=StrEnum)

SHOWN = 50
NAME_CHARS = 256


def choice(form: Form, name: str, kind: type[E]) -> E | None:
    """The chosen member of an enumeration, or None if nothing is chosen."""
    given = form.get(name)
    if not given:
        return None
    try:
        return kind(given)
    except ValueError:
        raise Unreadable(name, "choose one of those that the page offers") from None


def one_of(form: Form, name: str, offered: Collection[str], default: str) -> str:
    """The chosen word, or the default."""
    given = form.get(name) or default
    if given not in offered:
        raise Unreadable(name, "choose one of those that the page offers")
    return given


def named(form: Form, name: str) -> str | None:
    """A name, such as a channel's, without characters that a database refuses; None if it is empty."""
    given = sanitised(form.get(name))
    if len(given) > NAME_CHARS:
        raise Unreadable(name, f"a name has at most {NAME_CHARS} characters")
    return given or None


def names(form: Form, name: str, most: int) -> list[str]:
    """The distinct values of a repeated field."""
    given = list(dict.fromkeys(sanitised(each)[:NAME_CHARS] for each in form.all(name) if each))
    if len(given) > most:
        raise Unreadable(name, f"choose at most {most:,}")
    return given


def count(form: Form, name: str) -> int:
    """A number in an address of ours; 0 if it is invalid."""
    given = form.get(name)
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


def page_of(form: Form) -> PageRequest:
    """The requested page of a list."""
    return PageRequest(limit=SHOWN, cursor=form.get("cursor") or None)
