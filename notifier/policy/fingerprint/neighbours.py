"""Instances in context: codes, durations, request paths and logins, recognised by neighbouring words."""

from __future__ import annotations

import re
from typing import Final

from notifier.policy.fingerprint.codes import has_versions, is_version, leads, listens
from notifier.policy.fingerprint.codes_in_text import METHODS, is_code_in_text, word_before
from notifier.policy.fingerprint.word_masking import core_of

_CODE_CHARS: Final = 15
_IN_QUERY: Final = frozenset({",", ";", "[", "]", "|", "(", "{", "}"})
_UNITS: Final = frozenset({
    "ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes", "h", "hr",
    "hrs", "hour", "hours", "d", "day", "days", "week", "weeks", "milliseconds", "millis", "microseconds",
    "nanoseconds", "b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "byte", "bytes", "%", "percent",
    "kilobytes", "megabytes", "gigabytes", "terabytes", "millisecond", "microsecond", "nanosecond", "month", "months",
    "year", "years", "$", "€", "£",
})  # fmt: skip
_ZONES: Final = frozenset({"am", "pm", "utc", "gmt", "cet", "cest", "est", "edt", "pst", "pdt"})
# A peer at the beginning of a message, as in connection logs: an address or a public host name, with a port.
_ZONE: Final = (
    r"(?:com|net|org|edu|gov|mil|int|info|biz|name|pro|aero|asia|cat|coop|jobs|mobi|museum|post|tel|travel"
    r"|[a-z]{2})"
)
_PEER: Final = re.compile(
    rf"(?:(?:[\w-]+\.){{1,8}}{_ZONE}|\d{{1,3}}(?:\.\d{{1,3}}){{3}}):\d{{1,5}}"
).fullmatch
_PEER_VERBS: Final = frozenset({"open", "close", "error"})
_HOST: Final = re.compile(r"(?:[\w-]+\.)+[A-Za-z]{2,12}").fullmatch
_LOGIN: Final = re.compile(r"[\w.$-]{1,40}").fullmatch
_NO_LOGIN: Final = frozenset({
    "input", "agent", "id", "name", "data", "type", "role", "group", "account", "session", "token", "credentials",
    "request", "service", "authentication",
})  # fmt: skip
_AFTER_LOGIN: Final = frozenset({"", "from", "by", "at", "on", "in", "via", "with"})


def mask_in_context(pieces: list[str], judged: list[str]) -> None:
    """Reconsider instances in the context of neighbouring words."""
    for index in range(0, len(pieces), 2):
        word, after = pieces[index], judged[index]
        if word[:1] == "/":
            _read_path(pieces, judged, index)
        elif after == word:
            continue
        elif after == "<ip>":
            _read_address(pieces, judged, index)
        elif "<" in after and len(word) <= _CODE_CHARS:
            _read_number(pieces, judged, index)
        elif after[-7:] == "/<path>":
            _read_path(pieces, judged, index)


def mask_peer(pieces: list[str], judged: list[str]) -> None:
    """Mask the peer at the beginning of a connection log."""
    verb = core_of(pieces[2]) if len(pieces) > 2 else ""
    if verb in _PEER_VERBS and (verb != "error" or pieces[4:5] == [":"]) and _PEER(pieces[0]) is not None:
        judged[0] = "<address>"


def _read_address(pieces: list[str], judged: list[str], index: int) -> None:
    """Mask the host name after an address, and the brackets and ephemeral port around an IPv6 address."""
    between = pieces[index + 1] if index + 1 < len(pieces) else ""
    if between == " (" and _HOST(pieces[index + 2]):
        judged[index + 2] = "<address>"
    elif between == "]" and ":" in pieces[index] and pieces[index + 2][:1] == ":":
        port = core_of(pieces[index + 2][1:])
        if port.isdigit():
            judged[index - 1] = judged[index - 1].removesuffix("[")
            judged[index + 1] = ""
            if not listens(port):
                judged[index + 2] = pieces[index + 2][len(port) + 1 :]


def _read_number(pieces: list[str], judged: list[str], index: int) -> None:
    following = pieces[index + 2] if index + 2 < len(pieces) else ""
    if following and pieces[index + 1] == " " and _is_unit(judged[index], following):
        key = judged[index].rpartition("<")[0]
        judged[index : index + 3] = [f"{key}<duration>", "", following[len(core_of(following)) :]]
    elif (index == 0 and leads(pieces[0])) or is_code_in_text(pieces, index, following):
        judged[index] = pieces[index]


def _read_path(pieces: list[str], judged: list[str], index: int) -> None:
    """Mask a request's path as a whole, including its query."""
    if pieces[index][0] == "/" and core_of(word_before(pieces, index)).lower() in METHODS:
        judged[index] = "<path>"
    if judged[index].endswith("<path>"):
        _swallow_query(pieces, judged, index)


def _swallow_query(pieces: list[str], judged: list[str], index: int) -> None:
    """Mask the remainder of a query or of a path's parameters, which may contain commas and brackets."""
    if "?" not in pieces[index] and (pieces[index + 1 : index + 2] != [";"] or "=" not in pieces[index + 2]):
        return
    for rest in range(index + 1, len(pieces) - 1, 2):
        if pieces[rest] not in _IN_QUERY:
            break
        judged[rest] = judged[rest + 1] = ""
        if not pieces[rest + 1]:
            break


def keep_versions(pieces: list[str], judged: list[str]) -> None:
    """Keep versions of what is required or not supported: `numpy>=2`, `Python 3.9`, `HTTP/3`.

    In a conflict, a bare number is the version of a record and changes with each write.
    """
    conflicts = any(piece.startswith("conflict") for piece in pieces)
    for index in range(0, len(pieces), 2):
        word = core_of(pieces[index])
        if judged[index] == pieces[index] or not is_version(word):
            continue
        before = pieces[index - 2] if index else ""
        compared = word[0] in "=<>~^!" or (index and pieces[index - 1].strip() in {"<", ">"})
        if conflicts and word.isdigit() and core_of(before).lower() == "version":
            continue
        if "/" in word or compared or before.strip("=<>~^!") == "" != before or has_versions(before):
            judged[index] = pieces[index]


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
    """Mask the name after `for user` or `invalid user`."""
    for index in range(0, len(pieces) - 2, 2):
        if pieces[index] != "user" or pieces[index + 1] != " ":
            continue
        name, following = pieces[index + 2], pieces[index + 4] if index + 4 < len(pieces) else ""
        before = pieces[index - 2].lower() if index else ""
        bracket = pieces[index + 3 : index + 4] == [" ["]
        ends = before == "for" or bracket or (before in {"invalid", "by"} and following != "")
        if ends and (bracket or following in _AFTER_LOGIN) and _LOGIN(name) and name not in _NO_LOGIN:
            judged[index + 2] = "<user>"
