"""What other senders' formats cost: events as large as their clients send them, packed as they pack them."""

from __future__ import annotations

import json
from typing import Any

from tests.bench import payload, subjects
from tests.bench.durable import LARGE_BYTES, beside_bugsink
from tests.bench.rows import Bench
from tests.bench.subjects import Grouping

FRAMES = 40
LINES = 5


async def envelopes(bench: Bench) -> None:
    """Sentry's envelopes of a FastAPI application, gzip, one event each, all distinct."""
    async with subjects.notifier(bench.stable, Grouping()) as one:
        one.form = payload.form(_event(), before=b'{}\n{"type":"event"}\n')
        one.path = "/api/1/envelope/"
        one.accepted = 200
        one.gzip = True
        await beside_bugsink(bench, one, "Sentry's envelopes of 40 KB, gzip")


def _event() -> dict[str, Any]:
    """An event as the SDK makes it of a request: frames with lines around them and locals, breadcrumbs, modules."""
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
