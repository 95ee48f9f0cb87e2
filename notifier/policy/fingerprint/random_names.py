"""Generated names: ids of mixed characters, tokens, base64, and random suffixes of pods."""

from __future__ import annotations

import re
from typing import Final

RANDOM_CHARS: Final = 20
"""A shorter text of mixed characters may be a name."""
_ABBREVIATED_CHARS: Final = 12
_TURNS: Final = 0.42
_CASES: Final = re.compile(r"[A-Z]+[a-z]*|[a-z]+").findall
# The alphabet of Kubernetes' suffixes, without vowels so that they never spell a word.
_SUFFIX: Final = re.compile(r"[bcdfghjklmnpqrstvwxz2456789]{5}").fullmatch
_SHORT_SUFFIX: Final = re.compile(r"[bcdfghjklmnpqrstvwxz2456789]{4}").fullmatch
_TEMPLATE_HASH: Final = re.compile(r"[bcdfghjklmnpqrstvwxz2456789]{8,10}").fullmatch
_INNER_DIGIT: Final = re.compile(r"[a-z]*\d[a-z0-9]*[a-z]|\d[a-z0-9]*").fullmatch
_NO_SUFFIX: Final = frozenset({
    "https", "xhtml", "dhcpd", "pgsql", "btrfs", "sshfs", "mssql", "smtps", "grpcs", "html", "http", "grpc", "smtp",
    "sftp", "ctrl", "mgmt", "tmpl",
})  # fmt: skip
_RANDOM: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}").fullmatch
_TOKEN: Final = re.compile(r"eyJ[\w.-]+").fullmatch
_LOWER_WORD: Final = re.compile(r"(?<![A-Za-z0-9])(?:[a-z]{3,}|[A-Z]{4,})(?![A-Za-z0-9])|^[a-z]{2}_").search
_TEMPORARY: Final = re.compile(r"tmp(?=[a-z_]*\d|[a-z]*_)[a-z0-9_]{8}(\.\w{1,8})?").fullmatch
_TURN: Final = re.compile(r"(?<=[a-z])[A-Z0-9]|(?<=[A-Z])[a-z0-9]|(?<=[0-9])[A-Za-z]").findall


def mask_suffixes(parts: list[str], pieces: list[str]) -> None:
    """Mask random suffixes of pods and machines: after another id, or where they cannot be words."""
    for index in range(2, len(parts), 2):
        part = parts[index]
        if parts[index - 1] != "-":
            continue
        ends = index == len(parts) - 1 or parts[index + 1] == "."
        if pieces[index - 2] == "<id>":
            random = _follows_id(part)
        else:
            random = _TEMPLATE_HASH(part) is not None or (ends and _is_suffix(part, first=index == 2))
        if random:
            pieces[index] = "<id>"


def _follows_id(part: str) -> bool:
    if _SUFFIX(part) or (part and not part.isalpha() and not part.isdigit()):
        return True
    return _SHORT_SUFFIX(part) is not None and part not in _NO_SUFFIX


def _is_suffix(part: str, *, first: bool) -> bool:
    """Whether the part is a random suffix. After a single word it must contain a digit."""
    if _SUFFIX(part) is None or part in _NO_SUFFIX:
        return False
    return not first or _INNER_DIGIT(part) is not None


def is_dense(part: str) -> bool:
    """Whether the case changes more often than in a name of several words."""
    if part.islower() or part.isupper():
        return False
    chunks = _CASES(part)
    if len(part) < 3.4 * len(chunks):
        return True
    # A name has at most a few abbreviations, and longer words.
    abbreviations = sum(len(chunk) > 1 and chunk[1].isupper() for chunk in chunks)
    length = 4.2 if part.isalpha() else 4.7
    return len(part) >= _ABBREVIATED_CHARS and abbreviations > 1 and len(part) < length * len(chunks)


def is_random(core: str) -> bool:
    """Whether the text is random: base64, a token, or several of them joined."""
    if core.startswith("eyJ") and _TOKEN(core):
        return True
    if _RANDOM(core) is None or core.islower() or core.isupper() or _LOWER_WORD(core) is not None:
        return False
    return len(_TURN(core)) >= _TURNS * len(core)


def without_temporary(name: str) -> str:
    """The name of a file, with the random part masked if Python's `tempfile` generated it."""
    temporary = _TEMPORARY(name)
    return name if temporary is None else f"<id>{temporary[1] or ''}"
