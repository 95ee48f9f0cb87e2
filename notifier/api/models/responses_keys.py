"""API keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Field

from notifier.api.models.responses_base import Moment, NextCursor, ResponseModel
from notifier.domain.key import DoorName, Key, sentry_dsn


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
    door: DoorName | None = Field(
        validation_alias=AliasChoices("door", "for"),
        serialization_alias="for",
        description="The sender's door that it opens; null: every one.",
    )
    service: str | None = Field(description="The service of events that name none.")
    last_used_at: Moment | None = Field(description="To the minute.")


class CreatedKey(KeyAnswer):
    """`key` is the secret; it is shown only now."""

    key: str

    @staticmethod
    def with_secret(key: Key, secret: str, base: str | None) -> CreatedKey:
        """The answer for a new key. `base` is the service's address if it is known, which a DSN needs."""
        fields = {**KeyAnswer.model_validate(key).model_dump(), "key": secret}
        if key.door != "sentry":
            return CreatedKey(**fields)
        return CreatedDsn(**fields, dsn=None if base is None else sentry_dsn(base, secret))


class CreatedDsn(CreatedKey):
    """A key that was made for Sentry's SDKs: `dsn` is what they are given."""

    dsn: str | None = Field(description="Null where `server.url` is not set: `http://KEY@HOST/1`.")


class KeyList(ResponseModel):
    items: list[KeyAnswer]
    next_cursor: NextCursor
