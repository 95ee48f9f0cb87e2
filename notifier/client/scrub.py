"""Secrets leave a report before it leaves the process: by the key they stand under, and by their shape.

The service scrubs again with more rules; what never left cannot be read on the way.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

SCRUBBED: Final = "[scrubbed]"
KEY_CHARS: Final = 100

_WORDS: Final = (
    r"pass(?:[-_ ]?(?:word|wd|phrase|code))?s?|pwd|secrets?|tokens?|jwt|bearer|cookies?|credentials?|[cx]srf|dsn"
    r"|cvv|cvc|authori[sz]ation|session(?:[-_ ]?(?:id|key))?|(?:api|access|private|secret|signing|encryption)[-_ ]?key"
)
_GLUED: Final = (
    "(?:pass(?:word|wd)|(?:api|secret|access|private)key|(?:auth|access|refresh)token|sessionid|secret)"
)
_KEY = re.compile(rf"(?:^|[^a-z])(?:{_WORDS})[0-9]*(?:$|[^a-z])|{_GLUED}[0-9]*$", re.IGNORECASE)
# Words that make the value a fact about a secret: `token_count`, `password_length`.
_ABOUT = re.compile(
    r"(?:count|used|usage|limit|length|len|size|type|name|expiry|ttl|valid|age|status)s?$", re.IGNORECASE
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# One alternative a shape; what a named group `keep` holds stays, for it helps to find the cause.
_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY[^\x00]*?(?:-----END[A-Z -]*|\Z)"
    r"|(?<=://)(?P<user>[^\s/:@]{0,200}:)[^\s/@]{1,500}(?=@)"
    r"|\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\b(?:xox[a-z]|xapp)-[\w-]{6,}|\bntf_[\w-]{8,}|\bwhsec_[A-Za-z0-9+/=_-]{8,}"
    r"|\b(?:gh[pousr]_|github_pat_)\w{16,}|\bglpat-[\w-]{16,}|\b[srp]k_(?:live|test)_\w{8,}|\bsk-[\w-]{16,}"
    r"|\bAIza[\w-]{30,}"
    r"|(?P<scheme>\b(?i:bearer|basic)\s{1,8})[\w.~+/=-]{16,}"
    r"|(?P<name>\b(?:[\w-]{0,40}[_-])?(?i:pass(?:word|wd|phrase)|pwd|secret|token"
    r"|(?:api|access|private|secret)[-_ ]?key)"
    r"""["']?\s{0,8}(?:=(?!=)|:)\s{0,8}["']?)[^\s"'&;,()<>{}]{4,500}""",
)
# Visa, Mastercard, Discover in fours; American Express in 4-6-5.
_CARD = re.compile(
    r"(?<![\d.])(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6011|65\d\d)(?:[ -]?\d{4}){3}(?!\d)"
    r"|(?<![\d.])3[47]\d\d[ -]?\d{6}[ -]?\d{5}(?!\d)"
)


def scrub(value: Any) -> Any:
    """A copy of a JSON value without its secrets."""
    kind = type(value)
    if kind is str:
        return scrub_text(value)
    if kind is dict:
        return {_scrub_key(key): _under(key, inner) for key, inner in value.items()}
    if kind is list:
        return [scrub(inner) for inner in value]
    if kind is int and value > 10**14:
        return SCRUBBED if _CARD.sub(_card, str(value)) == SCRUBBED else value
    return value


@lru_cache(maxsize=4_096)
def scrub_text(text: str) -> str:
    """The text with everything of a secret's shape replaced."""
    return _CARD.sub(_card, _SHAPES.sub(_keep_lead, text))


@lru_cache(maxsize=4_096)
def names_secret(key: str) -> bool:
    """Whether what stands under this key is a secret: `apiKey` is, `tokens_used` is not."""
    words = _CAMEL.sub("_", key)
    return _KEY.search(words) is not None and _ABOUT.search(words) is None


def _scrub_key(key: str) -> str:
    clean = scrub_text(key)
    return key if clean == key else clean[:KEY_CHARS]


def _under(key: str, value: Any) -> Any:
    """Truth values and null say nothing worth hiding; all else under a secret's key goes."""
    if value is not None and not isinstance(value, bool) and names_secret(key):
        return SCRUBBED
    return scrub(value)


def _keep_lead(match: re.Match[str]) -> str:
    return f"{match['user'] or match['scheme'] or match['name'] or ''}{SCRUBBED}"


def _card(match: re.Match[str]) -> str:
    """Luhn's check tells a card's number from another."""
    digits = [int(character) for character in match.group() if character.isdigit()]
    doubled = [d if i % 2 else d * 2 - 9 * (d > 4) for i, d in enumerate(reversed(digits), start=1)]
    return match.group() if sum(doubled) % 10 else SCRUBBED
