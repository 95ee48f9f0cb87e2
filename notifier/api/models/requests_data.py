"""The subject of an export or a removal of data."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from notifier.api.models.requests_base import Flag, LongName, Name, RequestModel
from notifier.domain.data_subject import DataSubject

Words = Annotated[str, StringConstraints(min_length=3, max_length=256)]


class DataQuery(RequestModel):
    """The subject: a `label` with its `value`, or a `person` by name, wherever it occurs."""

    label: LongName | None = None
    value: Annotated[str, StringConstraints(min_length=1, max_length=1_024)] | None = None
    person: Words | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.label is None) != (self.value is None) or (self.label is None) == (self.person is None):
            raise PydanticCustomError("subject", "name either a label and its value, or a person")
        return self

    @property
    def subject(self) -> DataSubject:
        if self.label is not None:
            return DataSubject(self.value or "", label=self.label)
        return DataSubject(self.person or "")


class DataRemoval(DataQuery):
    """The subject, and whether to report only what would be removed."""

    dry_run: Flag = False
    actor: Name | None = None
