"""A question before what cannot be taken back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SureView:
    """The form `action` is sent again with its `fields` once its `button` is pressed; `back` is where else to go."""

    question: str
    sentences: tuple[str, ...]
    action: str
    fields: tuple[tuple[str, str], ...]
    button: str
    back: str
