"""`/routes`: the configured tree, and a test of which targets an event with some labels reaches."""

from __future__ import annotations

from collections.abc import Sequence

from notifier.ingest import severity
from notifier.ingest.sanitise import text as sanitised
from notifier.ingest.scrub import scrub
from notifier.oncall import labels, routes, silences
from notifier.oncall.errors import Unreadable
from notifier.oncall.labels import LabelWarning
from notifier.oncall.silences import SilenceStatus
from notifier.web.views.routes import routes_view
from notifier.web.visit import Shown, Visit

LABELS_AT_MOST = 64
LABEL_CHARS = 1_000
ASKED_CHARS = 8_000


async def show_routes(request: Visit) -> Shown:
    """The tree, and the routes that the labels in the address match."""
    service, now = request.service, request.now
    asked = sanitised(request.query.get("labels")).replace("\r\n", "\n")
    preview, error = None, None
    label_warnings: Sequence[LabelWarning] = ()
    held_by: Sequence[SilenceStatus] = ()
    try:
        given = severity.with_mapped_severity(scrub(read_labels(asked)))
    except Unreadable as unreadable:
        error = f"{unreadable}."
    else:
        if given:
            preview = routes.preview(service.rules.tree, given, project=request.project, now=now)
            label_warnings = await service.database.read(
                lambda tx: labels.label_warnings(tx, request.project, labels.of_labels(given))
            )
            held_by = await silences.silences_holding(
                service.database, project=request.project, labels=preview.labels
            )
    view = routes_view(
        service.rules.tree,
        now=now,
        asked=asked[:ASKED_CHARS],
        preview=preview,
        label_warnings=label_warnings,
        held_by=held_by,
        error=error,
    )
    return Shown(template="routes", view=view, status=200 if error is None else 422)


def read_labels(text: str) -> dict[str, str]:
    """Labels as people type them, one per line: `name=value`, with or without quotes around the value."""
    if len(text) > ASKED_CHARS:
        raise Unreadable("labels", f"Labels to try have at most {ASKED_CHARS:,} characters")
    found: dict[str, str] = {}
    for number, line in enumerate(filter(None, map(str.strip, text.split("\n"))), 1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not (name and equals):
            raise Unreadable("labels", f"Line {number} is no label: write name=value")
        if value[:1] == value[-1:] == '"' and len(value) > 1:
            value = value[1:-1]
        found[name[:LABEL_CHARS]] = value[:LABEL_CHARS]
    if len(found) > LABELS_AT_MOST:
        raise Unreadable("labels", f"At most {LABELS_AT_MOST} labels can be tried at once")
    return found
