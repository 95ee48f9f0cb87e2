"""The page of texts to copy."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.incident import Incident
from notifier.wording import copies
from notifier.wording.tracebacks import traceback_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyText:
    """A text in a box of `rows` lines."""

    name: str
    means: str
    text: str

    @property
    def rows(self) -> int:
        return min(20, 2 + self.text.count("\n"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyView:
    """An incident in each form that can be copied."""

    id: str
    number: int
    texts: tuple[CopyText, ...]


def copy_view(incident: Incident, base: str) -> CopyView:
    """The texts of an incident with the shown sample; `base` is the address of the service."""
    post = copies.post_command(incident, base)
    traceback = traceback_of(incident.latest_event).text
    texts = [
        *([CopyText(name="Traceback", means="As Python prints it.", text=traceback)] if traceback else []),
        CopyText(name="Markdown", means="For an issue or a chat.", text=copies.as_markdown(incident)),
        CopyText(name="JSON", means="As the API answers it.", text=copies.as_json(incident)),
        CopyText(
            name="curl",
            means="Asks for it; NOTIFIER_KEY in the environment holds a key with the scope `read`.",
            text=copies.show_command(incident, base),
        ),
    ]
    if post is not None:
        texts.append(
            CopyText(
                name="curl, to post the event again",
                means="Counts once more; the key needs the scope `ingest`. Nothing that the event says can run.",
                text=post,
            )
        )
    return CopyView(id=incident.id, number=incident.number, texts=tuple(texts))
