"""A byte order mark, which some editors and shells write, is ignored by every format."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from notifier.ingest.formats import cloudevents
from notifier.ingest.formats.otlp.json_body import read_json
from notifier.ingest.formats.pagerduty import read_alert
from notifier.ingest.formats.prometheus.alert import read_alerts
from notifier.ingest.formats.sentry.envelope import read_envelope, read_store

MARK = b"\xef\xbb\xbf"
STRUCTURED = {"content-type": "application/cloudevents+json"}


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b'[{"labels": {"alertname": "a"}}]', lambda body: read_alerts(body).alerts),
        (b'{"message": "m"}', lambda body: read_store(body, {}, service="s").items),
        (
            b'{}\n{"type": "event"}\n{"message": "m"}\n',
            lambda body: read_envelope(body, {}, service="s").items,
        ),
        (
            b'{"event_action": "trigger", "payload": {"summary": "m"}}',
            lambda body: read_alert(body, service="s").read.items,
        ),
        (
            b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": 17}]}]}]}',
            lambda body: read_json(body)[0],
        ),
        (
            b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {"message": "m"}}',
            lambda body: cloudevents.read(body, STRUCTURED, service="s").items,
        ),
    ],
)
def test_a_byte_order_mark_costs_no_event(body: bytes, events: Callable[[bytes], list[object]]) -> None:
    """Each format's parser returns the same event with and without the mark."""
    assert len(events(MARK + body)) == len(events(body)) == 1
