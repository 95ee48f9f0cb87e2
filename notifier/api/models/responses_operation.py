"""Readiness, the hold, and the result of a reload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from notifier.api.models.responses_base import Moment, ResponseModel, Texts
from notifier.oncall.findings import Finding
from notifier.oncall.hold import HoldState


class Health(ResponseModel):
    status: Literal["ok", "ready"]


class WaitingDeliveriesAnswer(ResponseModel):
    """Deliveries that wait for the release, by channel and route. The route is null for messages about no group."""

    channel: str
    route: str | None
    count: int


class HoldAnswer(ResponseModel):
    """Whether deliveries, the fallback and escalation are held, since when, by whom, and what waits."""

    held: bool
    since: Moment | None
    by: str | None
    pending: int
    items: list[WaitingDeliveriesAnswer]
    next_cursor: None = None
    released: int = Field(description="Number of deliveries that this call released.")

    @staticmethod
    def of(state: HoldState) -> HoldAnswer:
        return HoldAnswer.model_validate(
            {
                "held": state.hold is not None,
                "since": state.hold and state.hold.since,
                "by": state.hold and state.hold.by,
                "pending": sum(deliveries.count for deliveries in state.waiting),
                "items": state.waiting,
                "released": state.released,
            }
        )


class ReloadAnswer(ResponseModel):
    """The outcome of a reload. Versions are the first digits of the file's SHA-256."""

    version: str
    previous: str
    changed: bool
    warnings: Texts
    needs_restart: list[str] = Field(
        description="Settings that changed in the file but keep their old value until a restart."
    )


class FindingAnswer(ResponseModel):
    """A finding about one part of the service. `action` says what to do, and is empty if nothing is needed."""

    area: str
    subject: str
    level: Literal["ok", "warning", "problem"]
    text: str
    action: str


class DoctorAnswer(ResponseModel):
    """The findings of a check. `healthy` means no problems, though there may be warnings. `url` is `server.url`."""

    healthy: bool
    url: str | None
    items: list[FindingAnswer]
    next_cursor: None = None

    @staticmethod
    def of(findings: Sequence[Finding], url: str | None) -> DoctorAnswer:
        healthy = all(finding.level != "problem" for finding in findings)
        return DoctorAnswer.model_validate({"healthy": healthy, "url": url, "items": findings})
