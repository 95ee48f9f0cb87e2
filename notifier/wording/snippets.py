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
            where="In a shell. Other languages post the same request.",
            code=f"curl -H 'Authorization: Bearer {key or PLACEHOLDER}' \\\n"
            '  -d \'{"service": "billing", "message": "could not charge order 1842"}\' \\\n'
            f"  {url}/v1/events",
        ),
        Snippet(
            name="FastAPI",
            where="In your application. Reports every unhandled error and every failed background task.",
            code=f"{_CLIENT}\nnotifier.instrument(app)",
        ),
        Snippet(
            name="logging",
            where="Once, at the start of your program. Reports log records of level ERROR and above.",
            code=f"import logging\n\n{_CLIENT}\nlogging.getLogger().addHandler(notifier.logging_handler())",
        ),
        Snippet(
            name="Celery",
            where="Next to your Celery application. Tracks tasks, and reports each failure once.",
            code=f"from notifier.client import celery as notifier_celery\n{_CLIENT}\n"
            "notifier_celery.instrument(notifier)",
        ),
        Snippet(
            name="RQ",
            where="In a new module, `reporting.py`. Then run: rq worker --worker-class reporting.Worker",
            code=f"import rq\n\nfrom notifier.client import rq as notifier_rq\n{_CLIENT}\n\n"
            "class Worker(notifier_rq.Tracking, rq.Worker):\n    notifier = notifier",
        ),
        Snippet(
            name="Dramatiq",
            where="Where you create your broker.",
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
            where="As the DSN of any server-side Sentry SDK. Browser SDKs are not supported.",
            code=f'import sentry_sdk\n\nsentry_sdk.init(dsn="{sentry_dsn(url, secret)}")',
        ),
        Snippet(
            name="Prometheus",
            where="In prometheus.yml, in place of Alertmanager.",
            code="alerting:\n  alertmanagers:\n"
            f"    - scheme: {address.scheme}\n"
            f'      static_configs: [{{targets: ["{address.netloc}"]}}]\n'
            + (f"      path_prefix: {prefix}\n" if prefix else "")
            + f"      authorization: {{credentials: {secret}}}",
        ),
        Snippet(
            name="Alertmanager",
            where="As a receiver in alertmanager.yml, in addition to your present ones or instead of them.",
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
            where="In the environment of the log exporter. Protobuf needs the service's extra `otlp`; JSON does not.",
            code=f"export OTEL_EXPORTER_OTLP_LOGS_ENDPOINT={url}/v1/logs\n"
            f"export OTEL_EXPORTER_OTLP_LOGS_HEADERS=Authorization=Bearer%20{secret}",
        ),
        Snippet(
            name="PagerDuty",
            where="In programs that use the Events API v2: this host for events.pagerduty.com, the key as routing key.",
            code=f'curl {url}/v2/enqueue -H \'Content-Type: application/json\' -d \'{{"routing_key": "{secret}", '
            '"event_action": "trigger",\n'
            '  "payload": {"summary": "disk full", "source": "db-1", "severity": "critical"}}\'',
        ),
        Snippet(
            name="CloudEvents",
            where="In a shell, in structured mode. Binary mode and batches work too.",
            code=f"curl {url}/v1/events -H 'Authorization: Bearer {secret}' \\\n"
            "  -H 'Content-Type: application/cloudevents+json' \\\n"
            '  -d \'{"specversion": "1.0", "id": "1", "source": "/billing", "type": "com.example.failed",\n'
            '       "data": {"message": "could not charge"}}\'',
        ),
        Snippet(
            name="A job in a crontab",
            where="After the job and `&&`. If a check-in is missing, an incident opens.",
            code=f"curl -fsS -m 10 -H 'Authorization: Bearer {secret}' "
            f'{url}/v1/monitors/nightly-backup -d \'{{"every": "1d", "grace": "1h"}}\'',
        ),
        Snippet(
            name="GitHub, GitLab, Grafana, clouds, monitors",
            where="As the webhook's address. For github also: gitlab grafana gcp azure sns uptime-kuma healthchecks.",
            code=f"{url}/v1/ingest/github?key={secret}",
        ),
    )


_CLIENT = 'from notifier.client import Notifier\n\nnotifier = Notifier(service="billing")'
