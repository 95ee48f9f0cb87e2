"""Lines to copy that make an application report here: one for each way that there is."""

from __future__ import annotations

from dataclasses import dataclass

PLACEHOLDER = "YOUR_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """Lines of one kind, and a sentence about where they go."""

    name: str
    where: str
    code: str


def environment(url: str, key: str | None) -> str:
    """The two variables that every client reads."""
    return f"export NOTIFIER_URL={url} NOTIFIER_KEY={key or PLACEHOLDER}"


def snippets(url: str, key: str | None) -> tuple[Snippet, ...]:
    """Each with the address and, once it was made, the key; the address is a plain one, which needs no quoting."""
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
            code=f"from notifier.client import celery\n{_CLIENT}\ncelery.instrument(notifier)",
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
            code=f"from notifier.client import dramatiq\n{_CLIENT}\n"
            "broker.add_middleware(dramatiq.Tracking(notifier))",
        ),
    )


_CLIENT = 'from notifier.client import Notifier\n\nnotifier = Notifier(service="billing")'
