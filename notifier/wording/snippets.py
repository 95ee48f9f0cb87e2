"""Snippets to copy that make an application report here, one for each way to report."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from notifier.domain.key import sentry_dsn

PLACEHOLDER = "YOUR_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A snippet of code, and a sentence that says where it goes."""

    name: str
    where: str
    code: str


def environment(url: str, key: str | None) -> str:
    """The two environment variables that all clients read."""
    return f"export NOTIFIER_URL={url} NOTIFIER_KEY={key or PLACEHOLDER}"


def snippets(url: str, key: str | None) -> tuple[Snippet, ...]:
    """The snippets with the address and, if it was just made, the key. The address needs no quoting."""
    return (
        Snippet(
            name="curl",
            where="In a shell. Any language posts the same.",
            code=f"curl -H 'Authorization: Bearer {key or PLACEHOLDER}' \\\n"
            '  -d \'{"service": "billing", "message": "could not charge order 1842"}\' \\\n'
            f"  {url}/v1/events",
        ),
        Snippet(
            name="FastAPI",
            where="Beside your application. Every unhandled error and every failed background task is reported.",
            code=f"{_CLIENT}\nnotifier.instrument(app)",
        ),
        Snippet(
            name="logging",
            where="Once, where your program begins. Records from ERROR on are reported.",
            code=f"import logging\n\n{_CLIENT}\nlogging.getLogger().addHandler(notifier.logging_handler())",
        ),
        Snippet(
            name="Celery",
            where="Beside your Celery application. Tasks are tracked, and a failure is reported once.",
            code=f"from notifier.client import celery as notifier_celery\n{_CLIENT}\n"
            "notifier_celery.instrument(notifier)",
        ),
        Snippet(
            name="RQ",
            where="In a module of your own, `reporting.py`; then: rq worker --worker-class reporting.Worker",
            code=f"import rq\n\nfrom notifier.client import rq as notifier_rq\n{_CLIENT}\n\n"
            "class Worker(notifier_rq.Tracking, rq.Worker):\n    notifier = notifier",
        ),
        Snippet(
            name="Dramatiq",
            where="Where your broker is made.",
            code=f"from notifier.client import dramatiq as notifier_dramatiq\n{_CLIENT}\n"
            "broker.add_middleware(notifier_dramatiq.Tracking(notifier))",
        ),
    )


def sender_snippets(url: str, key: str | None) -> tuple[Snippet, ...]:
    """The snippets for senders that speak another format, where only an address and a key change."""
    secret = key or PLACEHOLDER
    address = urlsplit(url)
    prefix = address.path.rstrip("/")
    return (
        Snippet(
            name="Sentry",
            where="The DSN of any Sentry SDK on a server. Browsers are not served.",
            code=f'import sentry_sdk\n\nsentry_sdk.init(dsn="{sentry_dsn(url, secret)}")',
        ),
        Snippet(
            name="Prometheus",
            where="In prometheus.yml: notifier stands where Alertmanager stands.",
            code="alerting:\n  alertmanagers:\n"
            f"    - scheme: {address.scheme}\n"
            f'      static_configs: [{{targets: ["{address.netloc}"]}}]\n'
            + (f"      path_prefix: {prefix}\n" if prefix else "")
            + f"      authorization: {{credentials: {secret}}}",
        ),
        Snippet(
            name="Alertmanager",
            where="A receiver in alertmanager.yml, beside or in place of what it tells today.",
            code="receivers:\n  - name: notifier\n    webhook_configs:\n"
            f"      - url: {url}/v1/ingest/alertmanager\n"
            f"        http_config: {{authorization: {{credentials: {secret}}}}}",
        ),
        *_posting(url, secret),
    )


def _posting(url: str, secret: str) -> tuple[Snippet, ...]:
    return (
        Snippet(
            name="OpenTelemetry",
            where="In the environment of what exports logs. Protobuf needs the extra `otlp` here, JSON nothing more.",
            code=f"export OTEL_EXPORTER_OTLP_LOGS_ENDPOINT={url}/v1/logs\n"
            f"export OTEL_EXPORTER_OTLP_LOGS_HEADERS=Authorization=Bearer%20{secret}",
        ),
        Snippet(
            name="PagerDuty",
            where="Whatever sends Events API v2: this host for events.pagerduty.com, the key as routing key.",
            code=f'curl {url}/v2/enqueue -H \'Content-Type: application/json\' -d \'{{"routing_key": "{secret}", '
            '"event_action": "trigger",\n'
            '  "payload": {"summary": "disk full", "source": "db-1", "severity": "critical"}}\'',
        ),
        Snippet(
            name="CloudEvents",
            where="In a shell, structured; binary and batches are taken as well.",
            code=f"curl {url}/v1/events -H 'Authorization: Bearer {secret}' \\\n"
            "  -H 'Content-Type: application/cloudevents+json' \\\n"
            '  -d \'{"specversion": "1.0", "id": "1", "source": "/billing", "type": "com.example.failed",\n'
            '       "data": {"message": "could not charge"}}\'',
        ),
        Snippet(
            name="A job in a crontab",
            where="Behind the job and `&&`: while it comes all is well, and where it stays away an incident opens.",
            code=f"curl -fsS -m 10 -H 'Authorization: Bearer {secret}' "
            f'{url}/v1/monitors/nightly-backup -d \'{{"every": "1d", "grace": "1h"}}\'',
        ),
        Snippet(
            name="GitHub, GitLab, Grafana, clouds, monitors",
            where="Their webhook's address; for github also gitlab grafana gcp azure sns uptime-kuma healthchecks.",
            code=f"{url}/v1/ingest/github?key={secret}",
        ),
    )


_CLIENT = 'from notifier.client import Notifier\n\nnotifier = Notifier(service="billing")'
