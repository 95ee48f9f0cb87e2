"""Codes in sentences: whether a number says what failed, judged by neighbouring words and position."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from notifier.policy.fingerprint.codes import (
    CODED_THINGS,
    SHORT_CODE_NAMES,
    is_code,
    is_short_code,
    listens,
    names_code,
)
from notifier.policy.fingerprint.word_masking import core_of, masked_word

QUOTES: Final = frozenset("\"'`")
METHODS: Final = frozenset({
    "get", "post", "put", "patch", "delete", "head", "options", "url", "uri", "path", "endpoint", "request_uri",
})  # fmt: skip
_SQLSTATE_CHARS: Final = 5
_LOWEST_PORT: Final = 20
"""Lower numbers are ports of switches and hubs."""
_STATUS_CHARS: Final = 3
_LINKING: Final = frozenset({"", "=", ":", "is", "was", "of", "with", "-"})
_ANSWERED: Final = frozenset({
    "answered", "responded", "replied", "returned", "got", "received", "gave", "said", "says", "response", "throws",
    "threw", "upstream", "downstream", "origin", "backend", "gateway", "api", "exception", "httpexception",
})  # fmt: skip
# The last words of reason phrases, which are followed by the status in brackets: `Service Unavailable (503)`.
_REASONED: Final = frozenset({
    "unavailable", "found", "forbidden", "unauthorized", "gateway", "timeout", "conflict", "gone", "denied", "closed",
    "allowed", "implemented", "request", "requests", "large", "acceptable", "error",
})  # fmt: skip
_FAILED: Final = frozenset({"failed", "occurred", "rejected", "refused", "aborted"})
_DIED: Final = frozenset({"died", "crashed", "aborted", "killed", "quit", "exited", "stopped"})
_ENDED: Final = _FAILED | _DIED | {"returned", "closed", "close", "got", "gave"}
# Names of two words: a return value, a status line, the event id of a system log.
_IN_TWO_WORDS: Final = {
    **{(thing, "code"): "" for thing in CODED_THINGS},
    ("return", "value"): "code", ("exit", "value"): "code", ("status", "line"): "code", ("event", "id"): "eventid",
}  # fmt: skip
_STATES: Final = frozenset({"state", "fatal", "panic"})
_EVENT_ID_CHARS: Final = 5
_SKIPPED: Final = frozenset({"a", "an", "the", "number", "no", "nr", "num"})
_STATUS_NOUNS: Final = frozenset({"error", "response", "status", "Client", "Server"})
_CLIENTS: Final = frozenset({"from", "by", "client", "peer", "source", "src"})
_SERVERS: Final = frozenset({"to", "at", "on", "host", "server", "bind", "listen", "connect"})
_OUTGOING: Final = frozenset({"source", "src", "client", "remote", "peer", "local", "ephemeral"})
# Parts of which a single one fails, as its number says: `PSU 2`. Other parts need a number such as `0/1`.
_PARTS_OF_A_MACHINE: Final = frozenset({"gpu", "psu", "dimm", "fan", "bay"})
_PLACES_IN_A_MACHINE: Final = _PARTS_OF_A_MACHINE | {
    "slot", "port", "interface", "drive", "disk", "enclosure", "controller", "card", "npu", "tpu",
}  # fmt: skip
_VERBS: Final = frozenset({"is", "was", "has", "does", "fails", "misses"})
_WHICH: Final = re.compile(r"\d{1,3}").fullmatch
_WHICH_OF_SEVERAL: Final = re.compile(r"\d{1,3}(?:/\d{1,3}){1,2}").fullmatch
_NEGATIVE: Final = re.compile(r"-\d{1,3}").fullmatch
_CLOSED: Final = re.compile(r"10[01]\d").fullmatch
_HTTP_STATUS: Final = re.compile(r"[1-5]\d\d").fullmatch
_MAIL_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}").fullmatch
_MAIL_REPLY: Final = re.compile(r"[245]\d\d").fullmatch


def word_before(pieces: Sequence[str], index: int) -> str:
    """The word before, skipping equals signs, brackets and linking words."""
    place = _place_before(pieces, index)
    return "" if place < 0 else pieces[place]


def _place_before(pieces: Sequence[str], index: int) -> int:
    for earlier in (index - 2, index - 4, index - 6):
        if earlier < 0 or pieces[earlier + 1][:1] in {",", ";"}:
            break
        if pieces[earlier] not in _LINKING:
            return earlier
    return -1


def _name_before(pieces: Sequence[str], index: int) -> tuple[str, int]:
    """The name of a number and its position: the word before it, or its key in a record."""
    if index > 2 and pieces[index - 2] == ":" and pieces[index - 3][:1] in QUOTES:
        return pieces[index - 3][1:-1], index - 2
    if index and pieces[index][0] == ":" and pieces[index - 1][:1] in QUOTES:
        return pieces[index - 1][1:-1], index - 2
    place = _place_before(pieces, index)
    while place > 0:
        word = core_of(pieces[place]).lower()
        if word not in _SKIPPED:
            return _IN_TWO_WORDS.get((pieces[place - 2].lower(), word), pieces[place]), place
        place = _place_before(pieces, place)
    return (pieces[0], 0) if place == 0 else ("", -1)


def is_code_in_text(pieces: Sequence[str], index: int, following: str) -> bool:
    """Whether a number is a status, an SQLSTATE, an errno, a mail server's reply, or a port of a service."""
    core = core_of(pieces[index]).lstrip("#:")
    if _is_part_of_machine(pieces, index, core, following):
        return True
    if not is_code(core):
        return False
    before, place = _name_before(pieces, index)
    if before:
        named = _is_named(pieces, index, before, place, core, following)
        if named is not None:
            return named
    if not core.isdigit():
        return False
    if len(core) == _STATUS_CHARS and (
        (_MAIL_REPLY(core) and _MAIL_STATUS(core_of(following)))
        or _is_answer(pieces, index, core, core_of(before).lower(), following)
    ):
        return True
    return _leads_arguments(pieces, index) or _is_port(pieces, index) or _is_commands(pieces, index, core)


def _is_part_of_machine(pieces: Sequence[str], index: int, core: str, following: str) -> bool:
    """Whether a number identifies a part of a machine: `GPU 0/1`, `PSU 2`."""
    if index < 2 or not pieces[index - 1].isspace() or following == "of":
        return False
    if _is_plural(following) and following not in _VERBS:
        return False
    name = pieces[index - 2].lower()
    if name in _PARTS_OF_A_MACHINE and _WHICH(core) is not None:
        return True
    return name in _PLACES_IN_A_MACHINE and _WHICH_OF_SEVERAL(core) is not None


def _is_named(
    pieces: Sequence[str], index: int, before: str, place: int, core: str, following: str
) -> bool | None:
    """Whether the name before a number makes it a code; None if the name does not decide that."""
    if names_code(before):
        return not (before[-6:].lower() == "error:" and _is_plural(following))
    name = core_of(before).lower()
    if name in SHORT_CODE_NAMES or name in _STATES:
        state = name in _STATES and len(core) == _SQLSTATE_CHARS
        return state or (is_short_code(core) and following != "of" and not _is_plural(following))
    if name.endswith("port"):
        return _is_service_port(pieces, place, core)
    if name == "eventid" or "." in core:
        spelt = core.isdigit() and len(core) <= _EVENT_ID_CHARS - pieces[place].islower()
        return spelt if name == "eventid" else _MAIL_REPLY(core_of(before)) is not None
    if name in _ENDED and _ends(pieces, index, core, name):
        return not _is_plural(following)
    return True if before == "Msg" else None


def _is_plural(word: str) -> bool:
    """Whether the word is a plural noun, so that the number before it is a count: `error: 17 rows`."""
    return word[-1:] == "s" and word.isalpha() and word.islower()


def _is_answer(pieces: Sequence[str], index: int, core: str, name: str, following: str) -> bool:
    if _HTTP_STATUS(core) is None or _is_plural(following):
        return False
    if name in _ANSWERED or (index > 1 and pieces[index - 2] == "with") or _is_logged_status(pieces, index):
        return True
    if core[0] not in "45":
        return False
    if name in _REASONED and pieces[index - 1].endswith("("):
        return True
    first = index == 2 and pieces[0] == ""
    return (
        core_of(following) in _STATUS_NOUNS
        or (first and pieces[1] in {"(", "["})
        or ((first or index == 0) and following == "from")
        or (name == "failed" and not following)
        or (index > 1 and pieces[index - 2] in {"was", "is"} and "expected" in pieces)
    )


def _is_logged_status(pieces: Sequence[str], index: int) -> bool:
    """Whether the number follows an arrow or, as in access logs, a request line."""
    if index < 2:
        return False
    arrow = pieces[index - 1][0] == ">" and pieces[index - 2] in {"-", "="}
    if arrow or (index > 2 and pieces[index - 2] == "" and "HTTP/" in pieces[index - 3]):
        return True
    return index > 3 and "/" in pieces[index - 2] and pieces[index - 4].lower() in METHODS


def _ends(pieces: Sequence[str], index: int, core: str, name: str) -> bool:
    """Whether the number says how something ended: `failed: 503`, `died (11)`, `returned -22`, `closed: 1006`."""
    if _NEGATIVE(core):
        return True
    if not core.isdigit():
        return False
    if name in {"closed", "close"}:
        return _CLOSED(core) is not None
    joined = pieces[index - 2][-1:] == ":" or "(" in pieces[index - 1] or pieces[index - 2] == "with"
    if not joined:
        return False
    return len(core) <= _STATUS_CHARS and (
        name in _DIED or (name in _FAILED and core[0] in "45" and len(core) == 3)
    )


def _is_commands(pieces: Sequence[str], index: int, core: str) -> bool:
    """Whether the number is a command's error number: `curl: (7) ...`."""
    return index == 2 and len(core) <= _STATUS_CHARS and pieces[1] == " (" and pieces[0][-1:] == ":"


def _is_service_port(pieces: Sequence[str], place: int, port: str) -> bool:
    """Whether the port belongs to a service, rather than to a client's end of a connection."""
    if not port.isdigit() or not listens(port) or int(port) < _LOWEST_PORT:
        return False
    for earlier in range(place - 2, max(place - 12, -1), -2):
        word = core_of(pieces[earlier]).lower()
        if word in _CLIENTS or (earlier == place - 2 and word in _OUTGOING):
            return False
        if word in _SERVERS:
            return True
    return True


def _is_port(pieces: Sequence[str], index: int) -> bool:
    """Whether the number is the port of an address as Python shows it: `('127.0.0.1', 5432)`."""
    if index < 4 or pieces[index - 1] != ", " or pieces[index - 3][:1] not in QUOTES:
        return False
    return masked_word(pieces[index - 3][1:-1]) == "<ip>" and listens(core_of(pieces[index]))


def _leads_arguments(pieces: Sequence[str], index: int) -> bool:
    """Whether the number is the first of several arguments and a text follows, as in exceptions of drivers."""
    if index != 2 or pieces[:2] != ["", "("] or len(pieces) <= 5:
        return False
    return pieces[3] == ", " and pieces[4] in {"", "b", "B"} and pieces[5][0] in QUOTES
