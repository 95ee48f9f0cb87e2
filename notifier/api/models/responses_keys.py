"""API keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BeforeValidator

from notifier.api.models.responses_base import Moment, NextCursor, ResponseModel
from notifier.domain.key import Key


def _sorted(scopes: Iterable[str]) -> list[str]:
    return sorted(scopes)


class KeyAnswer(ResponseModel):
    """A key without its secret."""

    id: str
    project: str
    name: str
    scopes: Annotated[list[str], BeforeValidator(_sorted)]
    created_at: Moment
    revoked_at: Moment | None


class CreatedKey(KeyAnswer):
    """`key` is the secret; it is shown only now."""

    key: str

    @staticmethod
    def with_secret(key: Key, secret: str) -> CreatedKey:
        return CreatedKey(**KeyAnswer.model_validate(key).model_dump(), key=secret)


class KeyList(ResponseModel):
    items: list[KeyAnswer]
    next_cursor: NextCursor
