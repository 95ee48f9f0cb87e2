"""The words beside an instance, and what they make of it: a code, a duration, a request's path, somebody's login."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from notifier.policy.fingerprint.word_masking import core_of, is_code, listens, masked_word, names_code

QUOTES: Final = frozenset("\"'`")
_CODE_CHARS: Final = 15
_SQLSTATE_CHARS: Final = 5
_IN_QUERY: Final = frozenset({",", ";", "[", "]", "|", "(", "{", "}"})
_LINKING: Final = frozenset({"", "=", ":", "is", "was", "of", "with", "-"})
_UNITS: Final = frozenset({
    "ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes", "h", "hr",
    "hrs", "hour", "hours", "d", "day", "days", "week", "weeks", "milliseconds", "millis", "microseconds",
    "nanoseconds", "b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "byte", "bytes", "%", "percent",
})  # fmt: skip
_ZONES: Final = frozenset({"am", "pm", "utc", "gmt", "cet", "cest", "est", "edt", "pst", "pdt"})
_METHODS: Final = frozenset({
    "get", "post", "put", "patch", "delete", "head", "options", "url", "uri", "path", "endpoint", "request_uri",
})  # fmt: skip
_ANSWERED: Final = frozenset({
    "answered", "responded", "replied", "returned", "got", "received", "gave", "said", "response",
})  # fmt: skip
_HTTP_STATUS: Final = re.compile(r"[1-5]\d\d").fullmatch
_MAIL_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}").fullmatch
_MAIL_REPLY: Final = re.compile(r"[245]\d\d").fullmatch
# A peer that a message begins with, as logs of connections do: its address, or its name in a public zone, with a port.
_ZONE: Final = r"(?:com|net|org|edu|gov|mil|info|biz|[a-z]{2})"
_PEER: Final = re.compile(
    rf"(?:(?:[\w-]+\.){{1,8}}{_ZONE}|\d{{1,3}}(?:\.\d{{1,3}}){{3}}):\d{{1,5}}"
).fullmatch
_HOST: Final = re.compile(r"(?:[\w-]+\.)+[A-Za-z]{2,12}").fullmatch
_LOGIN: Final = re.compile(r"[\w.$-]{1,40}").fullmatch
_NO_LOGIN: Final = frozenset({
    "input", "agent", "id", "name", "data", "type", "role", "group", "account", "session", "token", "credentials",
    "request", "service", "authentication",
})  # fmt: skip
_AFTER_LOGIN: Final = frozenset({"", "from", "by", "at", "on", "in", "via", "with"})


def look_around(pieces: list[str], judged: list[str]) -> None:
    """Judge instances again by the words beside them."""
    for index in range(0, len(pieces), 2):
        word, after = pieces[index], judged[index]
        if word[:1] == "/":
            _read_path(pieces, judged, index)
        elif after == word:
            continue
        elif len(word) <= _CODE_CHARS and after[:1] == "<":
            _read_number(pieces, judged, index)
        elif after[-7:] == "/<path>":
            _read_path(pieces, judged, index)
        elif index == 0 and _PEER(core_of(word)):
            judged[0] = "<address>"
        if judged[index] == "<ip>" and pieces[index + 1 : index + 2] == [" ("] and _HOST(pieces[index + 2]):
            judged[index + 2] = "<address>"


def _read_number(pieces: list[str], judged: list[str], index: int) -> None:
    following = pieces[index + 2] if index + 2 < len(pieces) else ""
    if following and pieces[index + 1] == " " and _is_unit(judged[index], following):
        judged[index : index + 3] = ["<duration>", "", following[len(core_of(following)) :]]
    elif _is_named_code(pieces, index, following):
        judged[index] = pieces[index]


def _read_path(pieces: list[str], judged: list[str], index: int) -> None:
    """A request's path is an instance as a whole, with the query behind it."""
    if pieces[index][0] == "/" and core_of(word_before(pieces, index)).lower() in _METHODS:
        judged[index] = "<path>"
    if judged[index].endswith("<path>"):
        _swallow_query(pieces, judged, index)


def _swallow_query(pieces: list[str], judged: list[str], index: int) -> None:
    """A query goes on behind commas and brackets."""
    if "?" not in pieces[index]:
        return
    for rest in range(index + 1, len(pieces) - 1, 2):
        if pieces[rest] not in _IN_QUERY:
            break
        judged[rest] = judged[rest + 1] = ""
        if not pieces[rest + 1]:
            break


def word_before(pieces: Sequence[str], index: int) -> str:
    """The word before, over an equals sign, a bracket and the like."""
    for earlier in (index - 2, index - 4, index - 6):
        if earlier < 0 or pieces[earlier + 1][:1] in {",", ";"}:
            return ""
        if pieces[earlier] not in _LINKING:
            return pieces[earlier]
    return ""


def _is_named_code(pieces: Sequence[str], index: int, following: str) -> bool:
    """Whether the number says what failed: a status, an SQLSTATE, an errno, a mail server's reply, a service's port."""
    core = core_of(pieces[index])
    mail_status = _MAIL_STATUS(core) is not None
    if not mail_status and not is_code(core):
        return False
    before = word_before(pieces, index)
    if (before and names_code(before)) or (len(core) == _SQLSTATE_CHARS and before.lower() == "state"):
        return True
    if mail_status:
        return _MAIL_REPLY(core_of(before)) is not None
    if _MAIL_REPLY(core) and _MAIL_STATUS(core_of(following)):
        return True
    return (
        _leads_arguments(pieces, index)
        or _is_port(pieces, index)
        or _is_answer(pieces, index, before, following)
    )


def _is_answer(pieces: Sequence[str], index: int, before: str, following: str) -> bool:
    if _HTTP_STATUS(core_of(pieces[index])) is None:
        return False
    answers = core_of(before).lower() in _ANSWERED or (index > 1 and pieces[index - 2] == "with")
    if not (answers or _is_logged_status(pieces, index) or _is_reason(pieces, index, before)):
        return False
    return not (following.isalpha() and following.islower() and following.endswith("s"))


def _is_logged_status(pieces: Sequence[str], index: int) -> bool:
    """Behind an arrow, or behind a request's line in quotes, as access logs have it."""
    if index < 2:
        return False
    arrow = pieces[index - 1][0] == ">" and pieces[index - 2] in {"-", "="}
    return arrow or (index > 2 and pieces[index - 2] == "" and "HTTP/" in pieces[index - 3])


def _is_reason(pieces: Sequence[str], index: int, before: str) -> bool:
    """`failed: 503` and `failed (503)`, but not `failed 503 times`."""
    if core_of(before).lower() not in {"failed", "occurred"} or pieces[index][0] not in "45":
        return False
    return before.endswith(":") or "(" in pieces[index - 1]


def _is_port(pieces: Sequence[str], index: int) -> bool:
    """As Python shows an address: `('127.0.0.1', 5432)`."""
    if index < 4 or pieces[index - 1] != ", " or pieces[index - 3][:1] not in QUOTES:
        return False
    return masked_word(pieces[index - 3][1:-1]) == "<ip>" and listens(core_of(pieces[index]))


def _leads_arguments(pieces: Sequence[str], index: int) -> bool:
    """Whether a number is the first of several arguments and the next is a text, as drivers and mailers have it."""
    if index != 2 or pieces[:2] != ["", "("] or len(pieces) <= 5:
        return False
    return pieces[3] == ", " and pieces[4] in {"", "b", "B"} and pieces[5][0] in QUOTES


def _is_unit(judged: str, following: str) -> bool:
    return judged.endswith(("<number>", "<time>")) and core_of(following).lower() in (
        _UNITS if judged.endswith("<number>") else _ZONES
    )


def mask_details(pieces: list[str], judged: list[str]) -> None:
    """Mask the text in the second brackets of `Key (email)=(x)`."""
    for index in range(2, len(pieces) - 2, 2):
        if pieces[index] != "=" or pieces[index - 1] != ")" or pieces[index + 1] != "(":
            continue
        end = next((i for i in range(index + 3, len(pieces), 2) if pieces[i].startswith(")")), len(pieces))
        judged[index + 2 : end] = ["<quoted>"] + [""] * (end - index - 3)


def mask_logins(pieces: list[str], judged: list[str]) -> None:
    """Mask the name behind `for user` or `invalid user`."""
    for index in range(0, len(pieces) - 2, 2):
        if pieces[index] != "user" or pieces[index + 1] != " ":
            continue
        name, following = pieces[index + 2], pieces[index + 4] if index + 4 < len(pieces) else ""
        before = pieces[index - 2].lower() if index else ""
        bracket = pieces[index + 3 : index + 4] == [" ["]
        ends = before == "for" or bracket or (before in {"invalid", "by"} and following != "")
        if ends and (bracket or following in _AFTER_LOGIN) and _LOGIN(name) and name not in _NO_LOGIN:
            judged[index + 2] = "<user>"
