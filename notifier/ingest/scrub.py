"""Secrets leave an event before its first write: by the key they stand under, and by their shape.

`suspicious` is one RE2 pass over the raw bytes: if it is silent, `scrub` would change nothing, and the walk is spared.
It is looser than the rules on purpose: a word without its boundaries, a shape without its end, and every escape that
could hide either.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import re2

SCRUBBED: Final = "[scrubbed]"

_SEP = "[-_. ]?"
_WORDS = (
    f"pass{_SEP}(?:word|wd|phrase|code)s?",
    "pwd",
    "secrets?",
    "token",
    "jwt",
    "bearer",
    f"api{_SEP}key",
    f"(?:access|private|secret|signing|encryption|ssh|master|account){_SEP}key",
    "authori[sz]ation",
    "credentials?",
    "cookies?",
    f"session(?:{_SEP}(?:id|key))?",
    f"(?:php|j)?{_SEP}sess(?:ion)?{_SEP}id",
    "[cx]srf",
    "dsn",
    "cvv|cvc",
    f"connection{_SEP}string",
)
# Words that make a key's value a fact about a secret: `token_count`, `password_length`, `secret_name`.
_ABOUT = (
    "counts?|used|usage|limits?|length|len|size|type|name|expire[sd]?|expires_(?:at|in)|expiry|ttl|valid|present"
    "|policy|required|age|errors?|status|budget|state|kind|duration|timeout"
)
# ASCII, or a Kelvin sign would be a `k` here and not in the bytes that RE2 sees.
_FLAGS: Final = re.IGNORECASE | re.ASCII
_KEY = re.compile(rf"(?:^|[^a-z])(?:{'|'.join(_WORDS)})[0-9]*(?:$|[^a-z](?!(?:{_ABOUT})$))", _FLAGS)
_GLUED = re.compile(
    "(?:password|passwd|passphrase|apikey|(?:access|private|secret)key|secret"
    "|(?:access|auth|refresh|id|session|csrf|bot|api|user)token|sessionid|cookie)[0-9]*$",
    _FLAGS,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_SHAPES = (
    # PEM, to its end or the text's.
    (
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY[^\x00]*?(?:-----END[A-Z -]*|\Z)",
    ),
    # user:password@host; the user stays, it helps to find the cause.
    (r"://[^/@]*:[^/]*@", r"(?<=://)([^\s/:@]{0,200}:)[^\s/]{1,500}(?=@)"),
    (r"hooks\.slack", r"(?i)(hooks\.slack(?:-gov)?\.com/)[\w/-]+"),
    (r"/api/webhooks/", r"(?i)(discord(?:app)?\.com/api/webhooks/)[\w/-]+"),
    (r"eyj", r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*"),
    (r"(?:akia|asia|abia|acca)[0-9a-z]{16}", r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"),
    (r"xox[a-z]-|xapp-", r"\b(?:xox[a-z]|xapp)-[\w-]{6,}"),
    (r"ntf_", r"\bntf_[\w-]{8,}"),
    (r"whsec_", r"\bwhsec_[A-Za-z0-9+/=_-]{8,}"),
    (r"gh[pousr]_|github_pat_", r"\b(?:gh[pousr]_|github_pat_)\w{16,}"),
    (r"glpat-", r"\bglpat-[\w-]{16,}"),
    (r"[srp]k_(?:live|test)_|sk-[a-z0-9_-]{16}", r"\b(?:[srp]k_(?:live|test)_\w{8,}|sk-[\w-]{16,})"),
    (r"aiza", r"\bAIza[\w-]{30,}"),
    (r"npm_|pypi-", r"\b(?:npm_\w{30,}|pypi-[\w-]{30,})"),
    (r"sg\.", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    (r"bearer", r"(?i)\b(bearer\s{1,8})(?=\S{0,200}[\d=+/._-]|\S{16})[\w.~+/=-]{6,}"),
    (r"basic", r"\b((?i:basic)\s{1,8})(?=\S{0,200}(?:[\d=]|[a-z][A-Z])|\S{20})[\w.~+/=-]{6,}"),
)
_ASSIGNED = (
    r"(?:[\w-]{0,40}[_-])?(?:pass(?:word|wd|phrase|code)|pwd|secret|token|jwt"
    "|(?:api|access|private|secret|signing|account)[-_ ]?key|(?:php|j)?sess(?:ion)?[-_]?id|[cx]srf)"
)
_ASSIGNMENT = re.compile(
    rf"""\b({_ASSIGNED}["']?\s{{0,8}}(?:=>|:=|=(?!=)|:)\s{{0,8}})"""
    r"""("[^"\n]{1,500}|'[^'\n]{1,500}|[^\s"'&;,()<>{}]+)""",
    _FLAGS,
)
_HEADER = re.compile(
    r"""((?:authori[sz]ation|cookie)["']?\s{0,8}[:=]\s{0,8}["']?)[^\s"'][^"'\r\n]*""", _FLAGS
)
# Visa, Mastercard, Discover in fours; American Express in 4-6-5.
_CARD = re.compile(
    r"(?<![\d.])(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6011|65\d\d)(?:[ -]?\d{4}){3}(?!\d)"
    r"|(?<![\d.])3[47]\d\d[ -]?\d{6}[ -]?\d{5}(?!\d)",
    re.ASCII,
)
_CARD_HINT = (
    "(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6011|65[0-9]{2})(?:[ -]?[0-9]{4}){3}"
    "|3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}"
)

_RULES = tuple(re.compile(rule, re.ASCII) for _, rule in _SHAPES)

# RE2 takes bytes only as Latin-1, so non-ASCII bytes pass as they are.
_options = re2.Options()
_options.encoding = re2.Options.Encoding.LATIN1
_options.case_sensitive = False
_options.never_capture = True
_HINTS = "|".join((*_WORDS, *(hint for hint, _ in _SHAPES), _CARD_HINT))
_search_text: Callable[[bytes], object | None] = re2.compile(_HINTS.encode(), _options).search
_search_raw: Callable[[bytes], object | None] = re2.compile(rf"{_HINTS}|\\[u/]".encode(), _options).search


def suspicious(raw: bytes) -> bool:
    r"""Whether this JSON text may hold a secret, or an escape (`\u`, `\/`) that may hide one."""
    return _search_raw(raw) is not None


def names_secret(key: str) -> bool:
    """Whether what stands under this key is a secret: `apiKey` and `X-Auth-Token` are, `tokens_used` is not."""
    return _seen_before(key) if len(key) <= 100 else _names_secret(key)


def _names_secret(key: str) -> bool:
    words = _CAMEL.sub("_", key)
    return _KEY.search(words) is not None or _GLUED.search(words) is not None


_seen_before = lru_cache(maxsize=4_096)(_names_secret)


def scrub_text(text: str) -> str:
    """The text with everything of a secret's shape replaced."""
    if _search_text(text.encode("utf-8", "surrogatepass")) is None:
        return text
    for rule in _RULES:
        text = rule.sub(_keep_lead, text)
    text = _HEADER.sub(_keep_lead, text)
    text = _ASSIGNMENT.sub(_assigned, text)
    return _CARD.sub(_card, text)


def scrub(value: Any) -> Any:
    """A copy of a JSON value without its secrets. Keys stay; they are scrubbed by shape alone."""
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, dict):
        return {_scrub_key(key): _under(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [scrub(inner) for inner in value]
    if type(value) is int and value > 10**14:
        return SCRUBBED if _CARD.sub(_card, str(value)) == SCRUBBED else value
    return value


def _scrub_key(key: str) -> str:
    return _key_seen_before(key) if len(key) <= 100 else scrub_text(key)


# The same few keys come with every event.
_key_seen_before = lru_cache(maxsize=4_096)(scrub_text)


def _under(key: str, value: Any) -> Any:
    """Truth values and null say nothing worth hiding; all else under a secret's key goes."""
    if names_secret(key) and value is not None and not isinstance(value, bool):
        return SCRUBBED
    return scrub(value)


def _keep_lead(match: re.Match[str]) -> str:
    lead = match.group(1) if match.re.groups else ""
    return f"{lead}{SCRUBBED}"


def _assigned(match: re.Match[str]) -> str:
    """`token: expired` is prose, `token: 9f86d081` and `password: hunter` are not."""
    lead, value = match.groups()
    bare = value.lstrip("\"'")
    prose = lead.rstrip().endswith(":") and value == bare and not lead.lower().startswith(("pass", "pwd"))
    if (
        not bare
        or bare.startswith(SCRUBBED)
        or (prose and not any(c.isdigit() for c in bare) and len(bare) < 20)
    ):
        return match.group()
    return f"{lead}{value[: len(value) - len(bare)]}{SCRUBBED}"


def _card(match: re.Match[str]) -> str:
    digits = [int(character) for character in match.group() if character.isdigit()]
    doubled = [d if i % 2 else d * 2 - 9 * (d > 4) for i, d in enumerate(reversed(digits), start=1)]
    return match.group() if sum(doubled) % 10 else SCRUBBED
