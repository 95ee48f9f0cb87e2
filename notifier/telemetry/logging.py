"""Structured logs: JSON lines, or plain lines for a terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterable, MutableMapping
from typing import Any

import structlog

from notifier.telemetry.nonblocking_output import log_handler

Logger = structlog.stdlib.BoundLogger


def configure(*, as_json: bool, level: int = logging.INFO) -> None:
    """Send structlog and standard library logs to stderr in one format. Stdout is for data."""
    shared: Iterable[Any] = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _cap,
    )
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    handler = log_handler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=list(shared),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    for name in ("alembic", "httpcore", "httpx", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)


def level_of(name: str | None) -> int:
    """The level named by NOTIFIER_LOG_LEVEL, `info` for an unknown name."""
    return logging.getLevelNamesMapping().get((name or "").strip().upper(), logging.INFO)


def get(name: str) -> Logger:
    """A logger, for example `notifier.delivery`."""
    return structlog.stdlib.get_logger(name)


def _cap(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Truncate values to 2,000 characters, so that no whole event is logged."""
    for name, value in event.items():
        if isinstance(value, str) and len(value) > 2_000:
            event[name] = value[:2_000] + "..."
    return event
