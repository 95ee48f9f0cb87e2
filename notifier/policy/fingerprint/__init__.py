"""The identity of a problem: the default fingerprint, and the sender's own.

The default is made of the service, the exception's type, and the application's own frames; where there are no such
frames, of what the messages say with what is an instance masked. Line numbers never count. Project and environment are
not part of it: an incident's identity has them anyway.

`failures` says which exception is told of, `places` what of its frames counts, `sayings` what a message says that is a
record; `masking`, `words` and `neighbours` what of a text is an instance. `version_1` is how it was in 0.1, for the
incidents of that time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from notifier.policy.fingerprint import masking, places
from notifier.policy.fingerprint.failures import Failure, Frame, told_in, told_of
from notifier.policy.fingerprint.masking import masked
from notifier.policy.fingerprint.sayings import spoken, telling_apart

__all__ = ["VERSION", "Failure", "Frame", "compute", "masked", "spoken", "told_in", "told_of", "uses_default"]

VERSION: Final = 2
"""Part of every default fingerprint: a change of the rules opens new incidents, it never merges old ones."""

_DEFAULT: Final = re.compile(r"\{\{\s*default\s*\}\}")


def compute(
    *, service: str, message: str | None, exception: Failure | None, given: Sequence[str] = ()
) -> str:
    """32 hex digits. `given` is the sender's list; `{{ default }}` in it stands for the default fingerprint."""
    if not given:
        return digest(elements(service, message, exception))
    own = tuple(given)
    if not _names_default(own):
        return digest(["given", *own])
    return combined(own, digest(elements(service, message, exception)))


def elements(service: str, message: str | None, exception: Failure | None) -> list[str]:
    """What the default fingerprint is made of, in order."""
    if exception is None:
        return ["default", str(VERSION), service, "", "message", _said(message, alone=True)]
    exception = told_of(exception)
    parts = ["default", str(VERSION), service, exception.type or ""]
    found = places.of(exception.frames)
    if found:
        return [*parts, "frames", *found]
    alone = not exception.type
    return [*parts, "message", _said(exception.message, alone=alone), _said(message, alone=alone)]


def uses_default(given: Iterable[str]) -> bool:
    """Whether the sender's list refers to the default fingerprint."""
    return any(_DEFAULT.search(element) for element in given)


def _said(message: str | None, *, alone: bool) -> str:
    return masking.identity(telling_apart(message), alone=alone) if message else ""


@lru_cache(maxsize=2_048)
def combined(given: tuple[str, ...], default: str) -> str:
    """The sender's list, `{{ default }}` in it replaced."""
    replaced = [_DEFAULT.sub(default, element) for element in given]
    return default if replaced == [default] else digest(["given", *replaced])


@lru_cache(maxsize=2_048)
def _names_default(given: tuple[str, ...]) -> bool:
    return any("{{" in element for element in given) and uses_default(given)


def digest(parts: list[str]) -> str:
    """Lengths keep ["ab", "c"] and ["a", "bc"] apart; surrogates that a caller let through must not raise."""
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
