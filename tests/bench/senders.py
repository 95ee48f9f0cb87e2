"""The cost of other senders' formats, with the sizes and encodings of their clients."""

from __future__ import annotations

import itertools
import json
from contextlib import AsyncExitStack
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.bench import bugsink, payload, subjects
from tests.bench.contest import alone, contest
from tests.bench.durable import LARGE_BYTES, beside_bugsink
from tests.bench.payload import Form
from tests.bench.report import Line, compared, rate
from tests.bench.rows import Bench, alerting_pair
from tests.bench.subjects import Grouping

FRAMES = 40
LINES = 5
ALERTS = 1_000
RECORDS = 100
RECORD_FRAMES = 8


async def envelopes(bench: Bench) -> None:
    """Sentry's envelopes of a FastAPI application, gzip, one event each, all distinct."""
    before = b'{"event_id":"%s"}\n{"type":"event"}\n' % payload.ID.encode()
    shape, what = payload.form(_event(), before=before), "Sentry's envelopes of 40 KB, gzip"
    async with subjects.notifier(bench.stable, Grouping()) as one:
        one.path, one.accepted, one.form, one.gzip = "/api/1/envelope/", 200, shape, True
        own = await beside_bugsink(bench, one, what)
    if bugsink.programs() is None:
        bench.report.notes.append("Bugsink did not take part: bugsink-manage is not on the PATH")
        return
    async with bugsink.bugsink(bench.stable) as other:
        other.form, other.gzip = shape, True
        measured = await alone(
            other, connections=4, rounds=bench.options.rounds, seconds=bench.options.seconds
        )
    bench.report.notes.append(
        f"{what}: Bugsink itself, here: {rate(measured.rate)}; notifier takes {own.rate / measured.rate:.0f} x as many"
    )


async def alerts(bench: Bench) -> None:
    """Lists of 1,000 firing alerts, posted repeatedly as Prometheus does."""
    async with AsyncExitStack() as stack:
        who = await alerting_pair(bench, stack, Grouping())
        for one in who:
            one.form, one.accepted, one.always_array = payload.ALERT_FORM, 200, True
            one.path = one.batch_path = "/api/v2/alerts"
        firing = [payload.fresh("alert") for _ in range(ALERTS)]
        found = await contest(
            who,
            lambda: itertools.cycle(firing),
            batch=ALERTS,
            connections=2,
            rounds=bench.options.rounds,
            seconds=bench.options.seconds,
        )
    rates = {name: measured.rate for name, measured in found.items()}
    ratio, goal, verdict = compared(rates, ())
    what = f"Prometheus' list of {ALERTS:,} alerts, resent, in alerts; durable where one opens or ends"
    figures = {name: rate(value) for name, value in rates.items()}
    bench.report.lines.append(Line(what=what, figures=figures, ratio=ratio, goal=goal, verdict=verdict))
    told = "; ".join(f"{name}: {measured.words}" for name, measured in found.items())
    bench.report.notes.append(f"alerts: {told}")


async def logs(bench: Bench) -> None:
    """OTLP's log records with exceptions, in protobuf, a hundred a request, all distinct."""
    async with subjects.notifier(bench.stable, Grouping()) as one:
        one.form, one.accepted, one.between = _record_form(), 200, b""
        one.path = one.batch_path = "/v1/logs"
        one.kind = "application/x-protobuf"
        found = await contest(
            [one],
            payload.distinct,
            batch=RECORDS,
            connections=4,
            rounds=bench.options.rounds,
            seconds=bench.options.seconds,
        )
        measured = found[one.name]
    what = f"OTLP's records with exceptions, protobuf, {RECORDS} a request, all distinct, durable"
    bench.report.lines.append(Line(what=what, figures={one.name: rate(measured.rate)}))
    bench.report.notes.append(f"logs: {measured.words}")


def _record_form() -> Form:
    """A request with one record. Concatenated, several of them are one request with all records (protobuf)."""
    token = payload.fresh()
    frames = "".join(
        f'  File "/app/shop/module_{number}.py", line {number + 1}, in handle_{token.decode()}\n    step()\n'
        for number in range(RECORD_FRAMES)
    )
    request = ExportLogsServiceRequest()
    logs_of = request.resource_logs.add()
    logs_of.resource.attributes.add(key="service.name").value.string_value = "billing"
    record = logs_of.scope_logs.add().log_records.add(
        severity_number=17, time_unix_nano=1_764_244_800 * 10**9
    )
    record.body.string_value = "the job failed"
    for name, value in (
        ("exception.type", "TimeoutError"),
        ("exception.message", "upstream timed out after 30s"),
        (
            "exception.stacktrace",
            f"Traceback (most recent call last):\n{frames}TimeoutError: upstream timed out after 30s\n",
        ),
    ):
        record.attributes.add(key=name).value.string_value = value
    parts = request.SerializeToString().split(token)
    return Form(tuple(parts), (payload.TOKEN,) * (len(parts) - 1))


def _event() -> dict[str, Any]:
    """An event as the SDK makes it of a request: frames with source lines and locals, breadcrumbs, modules."""
    frames = [
        {
            "filename": f"fastapi/module_{number}.py",
            "abs_path": f"/srv/venv/lib/python3.12/site-packages/fastapi/module_{number}.py",
            "function": f"handle_request_{number}",
            "module": f"fastapi.module_{number}",
            "lineno": 40 + number,
            "pre_context": [f"    step_{line} = prepare(request, {line})" for line in range(LINES)],
            "context_line": f"    response_{number} = await call_next(request_{number})",
            "post_context": [f"    step_{line} = finish(request, {line})" for line in range(LINES)],
            "vars": {f"local_{name}": "<starlette.requests.Request object>" for name in range(4)},
            "in_app": number % 4 == 0,
        }
        for number in range(FRAMES)
    ]
    value = {"type": "TimeoutError", "value": "upstream timed out", "stacktrace": {"frames": frames}}
    crumb = {
        "type": "http",
        "category": "httplib",
        "data": {"url": "https://api.example.com/v1/orders", "reason": "OK"},
    }
    event: dict[str, Any] = {
        "event_id": payload.ID,
        "level": "error",
        "timestamp": "2026-11-22T05:00:00Z",
        "exception": {"values": [value]},
        "breadcrumbs": {"values": [crumb] * 20},
        "request": {
            "method": "GET",
            "url": "http://shop.example.com/",
            "headers": {"host": "shop.example.com"},
        },
        "tags": {"service": "billing", "region": payload.TOKEN},
        "fingerprint": ["{{ default }}", payload.TOKEN],
        "release": "1.4.2",
        "server_name": "worker-3",
    }
    short = LARGE_BYTES - len(json.dumps(event))
    return {
        **event,
        "modules": {f"package-{number}": f"1.{number}.0" for number in range(max(0, short) // 26)},
    }
