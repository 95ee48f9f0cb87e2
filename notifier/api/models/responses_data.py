"""The answer to a removal of data."""

from __future__ import annotations

from pydantic import Field

from notifier.api.models.responses_base import ResponseModel
from notifier.oncall.erasure import Erasure


class DataRemovalAnswer(ResponseModel):
    """Rows by table."""

    removed: dict[str, int] = Field(description="Deleted rows.")
    redacted: dict[str, int] = Field(description="Rows from which the text was removed.")
    dry_run: bool

    @staticmethod
    def of(done: Erasure, *, dry_run: bool) -> DataRemovalAnswer:
        return DataRemovalAnswer(removed=dict(done.removed), redacted=dict(done.redacted), dry_run=dry_run)
