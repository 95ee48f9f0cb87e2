"""Check-ins of monitors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from notifier.api.models.requests_base import LongName, Name, RequestModel
from notifier.domain.monitor import GRACE_DEFAULT, CheckInStatus, MonitorSchedule
from notifier.domain.severity import Severity
from notifier.domain.time import Duration, parse_duration, parse_positive_duration

MESSAGE_CHARS = 8_192


def _read(parse: Callable[[str], Duration]) -> Callable[[Any], Duration | None]:
    def read(value: Any) -> Duration | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise ValueError("expected a duration such as 5m or 1d12h, as text")  # noqa: TRY004 - for pydantic
        return parse(value)

    return read


_TEXT = {"type": ["string", "null"], "examples": ["5m", "1d12h"]}
Wait = Annotated[Duration | None, BeforeValidator(_read(parse_duration)), WithJsonSchema(_TEXT)]
Span = Annotated[Duration | None, BeforeValidator(_read(parse_positive_duration)), WithJsonSchema(_TEXT)]


class NewCheckIn(RequestModel):
    """A check-in of a job. An empty body means success."""

    status: CheckInStatus = "ok"
    environment: Name = "production"
    service: LongName | None = Field(default=None, description="Default: the key's, else the monitor's name.")
    duration_ms: Annotated[float, Field(ge=0, le=1e12)] | None = None
    message: Annotated[str, Field(max_length=MESSAGE_CHARS)] | None = Field(
        default=None, description="What went wrong, for the status `error`."
    )
    every: Span = Field(
        default=None, description="How often the job checks in. A job that does not is missed."
    )
    grace: Wait = Field(default=None, description="How late it may be; 5m by default, with `every`.")
    severity: Severity | None = Field(default=None, description="Severity of a missed or failed check-in.")

    @model_validator(mode="after")
    def _whole(self) -> NewCheckIn:
        if self.grace is not None and self.every is None:
            raise ValueError("`grace` comes with `every`: say how often the job checks in")
        return self

    def schedule(self) -> MonitorSchedule | None:
        if self.every is None:
            return None
        return MonitorSchedule(every=self.every, grace=GRACE_DEFAULT if self.grace is None else self.grace)
