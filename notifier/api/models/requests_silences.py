"""A silence to create, change or preview."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from notifier.api.models.requests_base import MOMENT_CHARS, Acting, Flag, RequestModel
from notifier.oncall.silences import COMMENT_CHARS, MAX_MATCHERS

Matchers = Annotated[
    list[Annotated[str, Field(max_length=4_096)]],
    Field(
        min_length=1,
        max_length=MAX_MATCHERS,
        description='All must hold, as in `["service=\\"billing\\""]`.',
    ),
]
MomentText = Annotated[
    str,
    Field(
        max_length=MOMENT_CHARS,
        description="RFC 3339 with an offset.",
        json_schema_extra={"format": "date-time"},
    ),
]
Recur = Annotated[
    dict[str, Any],
    Field(
        description="When it is on, in Alertmanager's words: `weekdays` (`monday:friday`), `days_of_month` "
        "(`1:5`, `-1`), `months` (`january:march`), `years` (`2026:2028`), `times` (`start_time`, `end_time`) and "
        "`location`, an IANA time zone. Each may be left out."
    ),
]
Author = Annotated[str, Field(min_length=1, max_length=200)]
Comment = Annotated[str, Field(min_length=1, max_length=COMMENT_CHARS)]


class NewSilence(Acting):
    """`starts_at` defaults to now, `author` to the caller. Only a recurring silence may have no end."""

    matchers: Matchers
    starts_at: MomentText | None = None
    ends_at: MomentText | None = None
    author: Author | None = None
    comment: Comment
    recur: Recur | None = None
    force: Flag = False


class SilenceChange(Acting):
    """A change of a silence. Omitted fields stay unchanged.

    Null removes the end or the weekly hours, if the other is present.
    """

    matchers: Matchers | None = None
    starts_at: MomentText | None = None
    ends_at: MomentText | None = None
    author: Author | None = None
    comment: Comment | None = None
    recur: Recur | None = None
    force: Flag = False


class Preview(RequestModel):
    matchers: Matchers
