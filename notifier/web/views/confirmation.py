"""The confirmation of an act that cannot be undone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationView:
    """A question. Its `button` sends `fields` to `action`; `back` is the way out."""

    question: str
    sentences: tuple[str, ...]
    action: str
    fields: tuple[tuple[str, str], ...]
    button: str
    back: str
