"""The section `channels`: what all kinds share is parsed here, the rest is passed on with its places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict

from notifier.domain.delivery import RateLimit
from notifier.domain.errors import Problem
from notifier.settings.document import MISSING, Path, SourceFile, SourceMark
from notifier.settings.sections import Block, with_default
from notifier.settings.values import Count, Flag, Quota, Span, Text, expect, rate, text


class RateLimitBlock(Block):
    example: ClassVar[str] = "{messages: 30, per: 1h}"

    messages: Count
    per: Span
    burst: Count | None = None

    @property
    def limit(self) -> RateLimit:
        """The rate limit; `burst` defaults to all messages at once."""
        return RateLimit(messages=self.messages, per=self.per, burst=self.burst or self.messages)


def _of_rate(value: Any) -> Any:
    """Expand the short form `30/hour` to a mapping."""
    expect(not isinstance(value, list), "expected a single value, not a list")
    if value is None or isinstance(value, dict | RateLimitBlock):
        return value
    quota = rate(value)
    return RateLimitBlock.model_construct(messages=quota.count, per=quota.per)


class ChannelCommon(Block):
    model_config = ConfigDict(extra="ignore")  # Other keys belong to the kind.

    missing: ClassVar[dict[str, str]] = {"type": "email, slack, webhook, console, or a kind of your own"}

    type: Text
    rate_limit: (
        Annotated[RateLimitBlock, BeforeValidator(_of_rate, json_schema_input_type=Quota | RateLimitBlock)]
        | None
    ) = with_default(
        None, "Per target. Without it there is no limit; without `burst`, all messages may be sent at once."
    )
    digest: Flag | None = with_default(
        None, "Whether messages held by the rate limit are sent as one digest, or one by one."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBlock:
    """A channel as written, with secrets read and variables filled in. The registry validates `options`.

    `options` excludes `type`, `rate_limit` and `digest`, and has `x` instead of `x_file`. `source` has the places of
    all values in the file.
    """

    name: str
    type: str
    options: Mapping[str, Any]
    rate_limit: RateLimit | None = None
    digest: bool | None = None
    source: SourceFile = field(compare=False)

    @property
    def path(self) -> Path:
        return ("channels", self.name)

    @property
    def mark(self) -> SourceMark:
        """The place of its name."""
        return self.source.key(self.path)

    def problem(self, path: Path, sentence: str) -> Problem:
        """The problem at a path inside the block: a key (`("smtp", "port")`) or an item (`("to", 0)`)."""
        return self.source.problem((*self.path, *path), sentence, at_key=True)


def kind_of(written: Any) -> str:
    """The `type` of a channel, empty if it cannot be read."""
    try:
        return text(written["type"])
    except (KeyError, TypeError, ValueError):
        return ""


def without_empty(value: Any) -> Any:
    """The value without empty keys, at every depth."""
    if isinstance(value, list):
        return [without_empty(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: without_empty(entry) for key, entry in value.items() if entry is not None}


def is_whole(value: Any) -> bool:
    """Whether no value in a block's options is `MISSING`, so that a kind can validate them."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return value is not MISSING and all(map(is_whole, inner))
