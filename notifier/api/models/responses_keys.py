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
        description="The sender whose endpoint it works for; null for all.",
    )
    service: str | None = Field(description="The default service of events.")
    last_used_at: Moment | None = Field(description="Last use, to the minute.")


class CreatedKey(KeyAnswer):
    """A created key. `key` is the secret, which is shown only now."""

    key: str

    @staticmethod
    def with_secret(key: Key, secret: str, base: str | None) -> CreatedKey:
        """The answer for a new key. `base` is the service's address if it is known, which a DSN needs."""
        fields = {**KeyAnswer.model_validate(key).model_dump(), "key": secret}
        if key.door != "sentry":
            return CreatedKey(**fields)
        return CreatedDsn(**fields, dsn=None if base is None else sentry_dsn(base, secret))


class CreatedDsn(CreatedKey):
    """A key for Sentry's SDKs. `dsn` is the address to configure them with."""

    dsn: str | None = Field(description="`http://KEY@HOST/1`; null if `server.url` is not set.")


class KeyList(ResponseModel):
    items: list[KeyAnswer]
    next_cursor: NextCursor
