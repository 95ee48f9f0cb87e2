"""Parses one mailbox from a setting: `ann@example.com` or `"Alerts, Billing" <ann@example.com>`. Pure."""

from __future__ import annotations

import re
from email.headerregistry import Address

_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
_SPEC = re.compile(rf"({_LOCAL})@({_DOMAIN})")
_UNSEEN = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
# A quoted string (RFC 5322, 3.2.4): quotes and backslashes are escaped by a backslash.
_QUOTED = re.compile(rf'"((?:[^"\\{_UNSEEN}]|\\[^{_UNSEEN}])*)" *<([^<>]*)>')
_PLAIN = re.compile(rf'([^"<>@,;:\\{_UNSEEN}]*?) *<([^<>]*)>')
_TO_QUOTE = re.compile(rf"[^<>{_UNSEEN}]*<[^<>]*>")

ONE = "must be one address: ann@example.com or Ann <ann@example.com>, a domain in its xn-- form"
UNQUOTED = (
    'must be one address whose name stands in double quotes, as it holds one of , : ; @ " \\ '
    "(and the whole in single quotes, for YAML): '\"Alerts, Billing\" <ann@example.com>'; "
    'in the name, write \\" for a quote and \\\\ for a backslash'
)


def parse_address(text: str) -> Address:
    """Parses one mailbox. Raises `ValueError` for none, several or an odd one, with a sentence that does not repeat it.

    Stricter than RFC 5322: quoted local parts and comments are used for injections.
    """
    name, spec = _parts(text.strip(" "))
    match = _SPEC.fullmatch(spec)
    if match is None or len(spec) > 254 or len(match[1]) > 64 or "=?" in spec:
        raise ValueError(ONE)
    return Address(display_name=name, username=match[1], domain=match[2])


def _parts(text: str) -> tuple[str, str]:
    """The display name and the address."""
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted[1]).strip(), quoted[2]
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        return plain[1].strip(), plain[2]
    if _TO_QUOTE.fullmatch(text) and _SPEC.fullmatch(text.rpartition("<")[2].rstrip(">")):
        raise ValueError(UNQUOTED)
    return "", text
