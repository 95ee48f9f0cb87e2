"""Decompression within a limit, which also stops decompression bombs."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Final

import brotli

from notifier.api.problems import HttpProblem

MEMBERS: Final = 64
"""The most members of a gzip body: each costs a copy of the rest."""


def unpacked(body: bytes, coding: str, largest: int) -> bytes:
    """The decompressed bytes, or more than `largest` of them if it is larger.

    `HttpProblem` is raised for invalid data.
    """
    return _UNPACK[coding](body, largest)


def _gunzip(body: bytes, largest: int) -> bytes:
    """The data of all members (RFC 1952)."""
    plain = b""
    try:
        for _ in range(MEMBERS):
            if not body:
                break
            inflater = zlib.decompressobj(wbits=31)
            plain += inflater.decompress(body, largest + 1 - len(plain))
            if len(plain) > largest:
                return plain
            if not inflater.eof:
                raise _ends_early("gzip")
            body = inflater.unused_data
    except zlib.error:
        raise _other("gzip") from None
    if body:
        raise HttpProblem(413, f"the body has more than {MEMBERS} gzip members: compress it as one")
    return plain


def _inflate(body: bytes, largest: int) -> bytes:
    """The data of a zlib stream (RFC 1950), or of raw deflate, which some clients send."""
    for wbits in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        inflater = zlib.decompressobj(wbits=wbits)
        try:
            plain = inflater.decompress(body, largest + 1)
        except zlib.error:
            continue
        if len(plain) > largest or inflater.eof:
            return plain
        raise _ends_early("deflate")
    raise _other("deflate")


def _unbrotli(body: bytes, largest: int) -> bytes:
    decompressor = brotli.Decompressor()
    parts: list[bytes] = []
    size, given = 0, body
    try:
        while not decompressor.is_finished():
            part = decompressor.process(given, output_buffer_limit=largest + 1 - size)
            parts.append(part)
            size += len(part)
            if size > largest:
                break
            given = b""
            if not part and not decompressor.is_finished():
                raise _ends_early("br")
    except brotli.error:
        raise _other("br") from None
    return b"".join(parts)


_UNPACK: Final[Mapping[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
}


def _ends_early(coding: str) -> HttpProblem:
    return HttpProblem(422, f"the {coding} body ends early: send it whole")


def _other(coding: str) -> HttpProblem:
    return HttpProblem(
        422, f"the body says {coding} and is not: compress it again, or leave Content-Encoding out"
    )
