"""Shared fields, and the base of all answers. Times are RFC 3339, UTC."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from notifier.domain.time import rfc3339


class ResponseModel(BaseModel):
    """The base of all responses, validated from an object's attributes or from JSON."""

    model_config = ConfigDict(from_attributes=True, validate_by_alias=True, validate_by_name=True)


def _moment(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, int) else value


def _texts(values: Iterable[Any]) -> list[str]:
    return [str(value) for value in values]


Moment = Annotated[str, BeforeValidator(_moment)]
Texts = Annotated[list[str], BeforeValidator(_texts)]
NextCursor = Annotated[str | None, Field(description="The `cursor` of the next page; null on the last page.")]
