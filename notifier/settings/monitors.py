"""The section `monitors`: jobs that check in, and when they are missed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from notifier.domain.monitor import DeclaredMonitor, MonitorSchedule
from notifier.domain.severity import Severity
from notifier.settings.sections import Block, with_default
from notifier.settings.values import Span, Wait, expect

_EXAMPLE = "{every: 1d, grace: 30m}"
_NAME = re.compile(r"[^\x00-\x20\x7f/](?:[^\x00-\x1f\x7f/]{0,126}[^\x00-\x20\x7f/])?")


class MonitorBlock(Block):
    """A job that checks in with `POST /v1/monitors/NAME`. Monitoring starts with its first check-in."""

    example: ClassVar[str] = _EXAMPLE
    missing: ClassVar[dict[str, str]] = {"every": f"say how often the job checks in, as in {_EXAMPLE}"}

    every: Span = Field(description="How often the job checks in.")
    grace: Wait = with_default("5m", "How late a check-in may be.")
    severity: Literal["critical", "error", "warning", "info", "none"] = with_default(
        "error", "Severity of a missed or failed check-in."
    )


def _named(value: Any) -> Any:
    for name in value if isinstance(value, dict) else ():
        named = isinstance(name, str) and _NAME.fullmatch(name)
        expect(named, "a monitor's name has at most 128 characters on one line, and no `/`")
    return value


MonitorBlocks = Annotated[
    dict[str, MonitorBlock], BeforeValidator(_named, json_schema_input_type=dict[str, MonitorBlock])
]


def declared_monitors(blocks: Mapping[str, MonitorBlock]) -> Mapping[str, DeclaredMonitor]:
    """The monitors of a file, by name."""
    return {
        name: DeclaredMonitor(
            schedule=MonitorSchedule(every=block.every, grace=block.grace), severity=Severity(block.severity)
        )
        for name, block in blocks.items()
    }
