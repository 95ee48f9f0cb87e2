"""URLs as they are stored and shown: without the parts that would let a reader post to them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import groupby, pairwise, takewhile
from operator import itemgetter
from typing import Final
from urllib.parse import unquote, urlsplit

from notifier.domain.secret_names import names_secret
from notifier.domain.shapes import SCRUBBED, without_secrets

_MARK_DIGITS: Final = 4
_SHORTEST: Final = 8
_LONG: Final = 16
_MARKED: Final = re.compile(r"\[scrubbed:[0-9a-f]{4}\]").fullmatch
_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE).search
_PARTS: Final = re.compile(r"[^\W_]+").findall
_CHUNKS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+").findall
# Names with digits: `oauth2callback`, `k8s`.
_DIGIT_WITHIN: Final = re.compile(r"[a-z]+\d[a-z]+").fullmatch
_CONSONANTS: Final = re.compile(r"[bcdfghjklmnpqrstvwxz]{6}", re.IGNORECASE).search
# At these hosts the path alone authorises to post, and people choose it freely.
_SECRET_PATHS: Final = frozenset({"ntfy.sh"})


def shown_url(url: str) -> str:
    """The URL without userinfo, query, fragment, and path segments that may be tokens.

    Removed segments are replaced by digits of their hash, enough to distinguish URLs but too few to verify guesses:
    `https://hooks.example.com/bot/[scrubbed:5f2c]`. A URL that is already shortened, and text that is no URL, is
    returned unchanged.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if parts.scheme not in {"http", "https"}:
        return url
    site = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    segments = parts.path.split("/")
    known = range(len(segments)) if parts.hostname in _SECRET_PATHS else _known(site, segments)
    hidden = [
        segment != "" and (index in known or names_secret(before) or may_be_token(segment))
        for index, (before, segment) in enumerate(pairwise(["", *segments]))
    ]
    shown: list[str] = []
    for hides, group in groupby(zip(hidden, segments, strict=True), key=itemgetter(0)):
        texts = [segment for _, segment in group]
        shown += [_marked("/".join(texts))] if hides else texts
    return site + "/".join(shown)


def may_be_token(segment: str) -> bool:
    """Whether a path segment may be a token: it is neither a number nor words, with or without a number."""
    text = unquote(segment)
    if _UUID(text):
        return True
    parts = _PARTS(text)
    if any(map(_is_random, parts)):
        return True
    digits, words = sum(map(str.isdigit, text)), sum(map(_is_name, parts))
    return len(text) >= _LONG and digits > 2 and words * 2 < len(parts)


def _is_random(part: str) -> bool:
    if len(part) < _SHORTEST or part.isdigit():
        return False
    if part.isalpha():
        return len(part) >= _LONG and (not _is_name(part) or _CONSONANTS(part) is not None)
    return not _is_name(part)


def _is_name(part: str) -> bool:
    """Whether this is words with at most four digits: `alerts`, `OnCall24`, `PROD2026`, `v2`, `1842`."""
    letters = part.rstrip("0123456789")
    if not letters or len(part) > len(letters) + 4:
        return part.isdigit()
    if not letters.isalpha():
        return len(part) < _LONG and _DIGIT_WITHIN(part) is not None
    chunks = _CHUNKS(letters)
    return len(chunks) < 2 or len(letters) >= 3 * len(chunks)


def _known(site: str, segments: Sequence[str]) -> range:
    """The positions of segments that the scrubber would remove from the URL."""
    before = f"{site}{'/'.join(segments)}".split("/")
    after = without_secrets("/".join(before)).split("/")
    if before == after:
        return range(0)
    first, last = _alike(before, after), _alike(before[::-1], after[::-1])
    above = len(before) - len(segments)
    return range(first - above, len(segments) - last)


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _marked(text: str) -> str:
    if _MARKED(text):
        return text
    return f"{SCRUBBED[:-1]}:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:_MARK_DIGITS]}]"
