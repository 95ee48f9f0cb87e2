"""Encodes a mail: its headers, and its text and HTML parts. Pure.

Headers do not pass through the standard library's policies. Those parse a value before writing it, decode what looks
like an encoded word, and before Python 3.11.10 and 3.12.5 wrote the resulting line breaks (CVE-2024-6923). This
module only encodes (RFC 2047), and refuses a header section with other lines than intended.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Callable, Iterator, Sequence
from email.headerregistry import Address

from notifier.domain.delivery import Outcome
from notifier.domain.errors import SendError

LINE = 76  # RFC 2047: no line with an encoded word is longer
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/^_`{|}~-]+)*")
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_QUOTABLE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")
# Characters that need no encoding in an encoded word, in a phrase too (RFC 2047, section 5).
_ITSELF = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_HEAD_LINE = re.compile(rb"(?:([A-Z][A-Za-z0-9-]*):)? [\x21-\x7e][\x20-\x7e]{0,900}")

# Quoted-printable encodes `=` as `=3D`, so no text can contain this boundary.
_BOUNDARY = "=_notifier"


def compose(head: Sequence[tuple[str, str]], *, text: str, html: str) -> bytes:
    """The whole mail. Header values are written unchanged, so free text must pass through `unstructured` first."""
    kind = f'multipart/alternative; boundary="{_BOUNDARY}"'
    lines = [*head, ("MIME-Version", "1.0"), ("Content-Type", kind)]
    parts = (_part("plain", text), _part("html", html))
    body = b"".join(b"--%s\r\n%s\r\n" % (_BOUNDARY.encode(), part) for part in parts)
    return b"%s\r\n\r\n%s--%s--\r\n" % (_head(lines), body, _BOUNDARY.encode())


def unstructured(name: str, text: str) -> str:
    """The value of a header with free text, folded. Invisible characters become a space."""
    seen = _seen(text) or "-"
    taken = len(name) + 2
    return _folded(seen if _is_plain(seen) else _encoded_words(seen, taken), taken)


def mailbox(name: str, address: Address) -> str:
    """The value of a header with one address. The display name is quoted or encoded if necessary."""
    display_name = _seen(address.display_name)
    if not display_name:
        return address.addr_spec
    return _folded(f"{_phrase(display_name, len(name) + 2)} <{address.addr_spec}>", len(name) + 2)


def _phrase(display_name: str, taken: int) -> str:
    if "=?" not in display_name and len(display_name) + 2 <= LINE - taken:
        if _ATOMS.fullmatch(display_name):
            return display_name
        if "  " not in display_name and _QUOTABLE.fullmatch(display_name):
            return f'"{display_name}"'
    return _encoded_words(display_name, taken)


def _head(lines: Sequence[tuple[str, str]]) -> bytes:
    """The lines joined. Raises `SendError` if the result is not one header in printable ASCII for each line."""
    written = "\r\n".join(f"{name}: {value}" for name, value in lines).encode("ascii", "backslashreplace")
    matches = [_HEAD_LINE.fullmatch(line) for line in written.split(b"\r\n")]
    names = [match[1] for match in matches if match is not None and match[1] is not None]
    if None in matches or names != [name.encode() for name, _ in lines]:
        raise SendError(Outcome.BLOCKED, "the mail's head would hold a line that is not notifier's: not sent")
    return written


def _seen(text: str) -> str:
    return _UNSEEN.sub(" ", text).strip(" ")


def _is_plain(text: str) -> bool:
    """Whether the text needs no encoding: it contains no encoded word, and can be folded at its spaces."""
    words = text.split(" ")
    return text.isascii() and "=?" not in text and all(0 < len(word) <= LINE // 2 for word in words)


def _folded(text: str, taken: int) -> str:
    first, *words = text.split(" ")
    value, room = first, LINE - taken - len(first)
    for word in words:
        room -= len(word) + 1
        value += f" {word}" if room >= 0 else f"\r\n {word}"
        room = room if room >= 0 else LINE - len(word) - 1
    return value


def _encoded_words(text: str, taken: int) -> str:
    """The text as encoded words, in Q if that is shorter than B. No character is split between two words."""
    kind, encode = min((("q", _q), ("b", _b)), key=lambda each: len(each[1](text)))
    return " ".join(f"=?utf-8?{kind}?{chunk}?=" for chunk in _chunks(text, taken, encode))


def _chunks(text: str, taken: int, encode: Callable[[str], str]) -> Iterator[str]:
    frame, chunk, room = len("=?utf-8?q??="), "", LINE - taken
    for char in text:
        if chunk and frame + len(encode(chunk + char)) > room:
            yield encode(chunk)
            chunk, room = "", LINE - 1
        chunk += char
    yield encode(chunk)


def _q(text: str) -> str:
    return "".join(
        char if char in _ITSELF else "_" if char == " " else "".join(f"={byte:02X}" for byte in char.encode())
        for char in text
    )


def _b(text: str) -> str:
    return b64encode(text.encode()).decode("ascii")


def _part(subtype: str, text: str) -> bytes:
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable'
    lines = text.encode("utf-8", "replace").split(b"\n")
    # Line by line and as binary, so that a bare CR is written as `=0D` and not as a line break.
    quoted = b"\r\n".join(b2a_qp(line, istext=False).replace(b"\n", b"\r\n") for line in lines)
    return b"%s\r\n\r\n%s" % (head.encode(), quoted)
