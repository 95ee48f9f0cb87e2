"""The heartbeat of a process."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from notifier.api.models.requests_base import Flag, LongName, Name, RequestModel
from notifier.ingest.schema import ID_CHARS, NAME_CHARS
from notifier.ingest.scrub import clean_text

REASONS_AT_MOST = 50

Names = Annotated[
    list[str],
    BeforeValidator(lambda value: [] if value is None else value),
    WithJsonSchema({"type": ["array", "null"], "items": {"type": "string"}}),
]
"""A list of names, or null, which some languages write for an empty one."""

Count = Annotated[int, Field(ge=0, lt=2**53)]


class ClientReports(BaseModel):
    """A client's own counts of its reports, by what became of them."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    captured: Count = 0
    sent: Count = 0
    spooled: Count = 0
    dropped: dict[str, Count] = {}

    def bounded(self) -> dict[str, Any]:
        """The counts as stored: the reasons are the client's own, so their number is limited."""
        reasons = list(self.dropped.items())[:REASONS_AT_MOST]
        dropped = {clean_text(reason)[:64]: count for reason, count in reasons}
        return {
            "captured": self.captured,
            "sent": self.sent,
            "spooled": self.spooled,
            "dropped": dropped,
        }


_COUNT = {"type": "integer", "minimum": 0, "default": 0}
_REPORTS = {
    "type": ["object", "null"],
    "description": "What became of what its client captured, since it began.",
    "properties": {
        "captured": _COUNT,
        "sent": _COUNT,
        "spooled": _COUNT,
        "dropped": {"type": "object", "additionalProperties": _COUNT},
    },
}


class Heartbeat(RequestModel):
    """A process heartbeat. Unknown fields of newer clients are ignored, because a rejection would end their runs."""

    model_config = ConfigDict(extra="ignore")

    process_id: Name
    service: LongName
    running: Names = Field(default=[], description="Ids of the runs that have not ended in this process.")
    tasks: Names = Field(default=[], description="Names of tasks that this process can replay.")
    reports: Annotated[ClientReports | None, WithJsonSchema(_REPORTS)] = None
    ended: Annotated[Flag, Field(description="Whether the process ends now.")] = False

    def known_running(self) -> list[str]:
        """The running ids that are valid."""
        return [id_ for id_ in self.running if 1 <= len(id_) <= ID_CHARS and "\0" not in id_]

    def known_tasks(self) -> list[str]:
        """The task names that are valid."""
        return [name for name in self.tasks if 1 <= len(name) <= NAME_CHARS and "\0" not in name]
