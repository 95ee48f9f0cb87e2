"""The identity of a problem: the default fingerprint, and fingerprints given by senders.

The default is computed from the service, the exception's type, and the frames of the application's own code. Without
such frames it uses the message, with variable parts masked. Line numbers never count. Project and environment are not
part of it, since an incident's identity has them anyway.

`exceptions` finds the relevant exception of a chain, `locations` computes the part of the fingerprint that comes from
frames, `records` extracts the text of messages that are records. `masking` masks the variable parts of a message:
`word_masking` handles each word, with `codes` (numbers that say what failed) and `random_names` (generated names);
`neighbours` handles words in context, `codes_in_text` numbers in context. `version_1` keeps the rules of 0.1 for
incidents stored then.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from notifier.policy.fingerprint import locations, masking
from notifier.policy.fingerprint.exceptions import (
    ReportedException,
    ReportedFrame,
    relevant_exception,
    relevant_exception_in,
)
from notifier.policy.fingerprint.masking import masked
from notifier.policy.fingerprint.records import identifying_text, record_message

__all__ = [
    "VERSION",
    "ReportedException",
    "ReportedFrame",
    "compute",
    "masked",
    "record_message",
    "relevant_exception",
    "relevant_exception_in",
    "uses_default",
]

VERSION: Final = 4
"""The version of the rules. Since version 3, a trace in a message counts as the exception it describes; version 4
recognises more codes, ports and versions. Version 1 is that of 0.1; versions 2 and 3 were never released."""
_SEED: Final = "2"
"""Part of every default fingerprint. Unchanged since version 2, so that unchanged results remain equal."""

_DEFAULT: Final = re.compile(r"\{\{\s*default\s*\}\}")


def compute(
    *, service: str, message: str | None, exception: ReportedException | None, given: Sequence[str] = ()
) -> str:
    """The fingerprint, 32 hex digits.

    `{{ default }}` in the sender's list `given` stands for the default fingerprint.
    """
    if not given:
        return _known_digest(tuple(elements(service, message, exception)))
    own = tuple(given)
    if not _names_default(own):
        return digest(["given", *own])
    return combined(own, _known_digest(tuple(elements(service, message, exception))))


def elements(service: str, message: str | None, exception: ReportedException | None) -> list[str]:
    """The parts of the default fingerprint, in order."""
    if exception is None:
        return ["default", _SEED, service, "", "message", _masked_text(message, alone=True)]
    exception = relevant_exception(exception)
    parts = ["default", _SEED, service, exception.type or ""]
    places = locations.of(exception.frames)
    if places:
        return [*parts, "frames", *places]
    alone = not exception.type
    return [
        *parts,
        "message",
        _masked_text(exception.message, alone=alone),
        _masked_text(message, alone=alone),
    ]


def uses_default(given: Iterable[str]) -> bool:
    """Whether the sender's list refers to the default fingerprint."""
    return any(_DEFAULT.search(element) for element in given)


def _masked_text(message: str | None, *, alone: bool) -> str:
    return masking.identity(identifying_text(message), alone=alone) if message else ""


@lru_cache(maxsize=2_048)
def combined(given: tuple[str, ...], default: str) -> str:
    """The sender's list with `{{ default }}` replaced."""
    replaced = [_DEFAULT.sub(default, element) for element in given]
    return default if replaced == [default] else digest(["given", *replaced])


@lru_cache(maxsize=2_048)
def _names_default(given: tuple[str, ...]) -> bool:
    return any("{{" in element for element in given) and uses_default(given)


def digest(parts: Sequence[str]) -> str:
    """A hash that distinguishes ["ab", "c"] from ["a", "bc"] and accepts lone surrogates."""
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


# Cached, since few places in the code fail often.
_known_digest = lru_cache(maxsize=4_096)(digest)
