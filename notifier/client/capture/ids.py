"""UUIDv7 ids (RFC 9562, 5.7): ordered by time, without a system call for each."""

from __future__ import annotations

import os
import random
import time

# A generator of its own, because applications may seed the shared one.
_dice = random.Random(os.urandom(32))  # noqa: S311 - ids are unique, not secret
_bits = _dice.getrandbits


def new_id() -> str:
    """36 characters, lower case."""
    head = time.time_ns() // 1_000_000 << 80 | 0x7 << 76 | _bits(12) << 64 | 0b10 << 62 | _bits(62)
    digits = f"{head:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    os.register_at_fork(after_in_child=lambda: _dice.seed(os.urandom(32)))
