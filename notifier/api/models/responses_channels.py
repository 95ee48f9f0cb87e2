"""Channels, the health of their targets, and the result of a test."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, AliasPath, Field

from notifier.api.models.responses_base import Moment, NextCursor, ResponseModel
from notifier.oncall.channels import Condition


def _thousandths(number: float) -> float:
    return round(number, 3)


class TargetAnswer(ResponseModel):
    """A recipient. `tokens` is how many messages may be sent now, null without a rate limit."""

    target: str = Field(validation_alias=AliasPath("row", "address"))
    state: Condition
    tokens: Annotated[float, AfterValidator(_thousandths)] | None
    cool_until: Moment | None
    failures: int = Field(
        validation_alias=AliasPath("row", "failures"), description="Transient failures in a row."
    )
    disabled_at: Moment | None = Field(validation_alias=AliasPath("row", "disabled_at"))
    disabled_why: str | None = Field(validation_alias=AliasPath("row", "disabled_why"))
    last_ok_at: Moment | None = Field(validation_alias=AliasPath("row", "last_ok_at"))
    last_error: str | None = Field(validation_alias=AliasPath("row", "last_error"))
    last_error_at: Moment | None = Field(validation_alias=AliasPath("row", "last_error_at"))
    pending: int


class ChannelAnswer(ResponseModel):
    name: str
    type: str
    fallback: bool
    pending: int
    targets: list[TargetAnswer]


class ChannelList(ResponseModel):
    """All channels by name, in one page."""

    items: list[ChannelAnswer]
    next_cursor: NextCursor


class TestedAnswer(ResponseModel):
    target: str
    outcome: str
    detail: str | None


class ChannelTestAnswer(ResponseModel):
    """`outcome` is `delivered` if all targets received it, else the first other outcome."""

    channel: str
    outcome: str
    targets: list[TestedAnswer]
