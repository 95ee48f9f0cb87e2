"""The labels of an event: the sender's, and the reserved ones that notifier sets."""

from __future__ import annotations

from typing import Final

from notifier.domain.labels import RESERVED_LABELS
from notifier.ingest.schema import EventBody, ExceptionBody

_RESERVED: Final = frozenset(RESERVED_LABELS)


def labels_of(
    body: EventBody, project: str, service: str, failure: ExceptionBody | None, warnings: list[str]
) -> dict[str, str]:
    """The labels of an event: the sender's, converted to strings in the body too, below the reserved ones."""
    own: dict[str, str] = {}
    for name, value in body.labels.items():
        if name in _RESERVED:
            warnings.append(f"labels: {name} is reserved and was ignored")
        else:
            own[name] = value if type(value) is str else _as_text(value)
    body.labels = own  # type: ignore[assignment]
    labels = {**own, "project": project, "service": service, "environment": body.environment}
    if body.release is not None:
        labels["release"] = body.release
    if body.host is not None:
        labels["host"] = body.host
    labels["severity"] = body.severity
    if failure is not None and failure.type is not None:
        labels["exception"] = failure.type
    if body.task is not None and body.task.name is not None:
        labels["task"] = body.task.name
    return labels


def _as_text(value: object) -> str:
    """The value as JSON spells it: `true`, not `True`."""
    return str(value).lower() if isinstance(value, bool) else str(value)
