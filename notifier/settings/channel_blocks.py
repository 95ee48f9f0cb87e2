"""The `channels` section: what every kind shares is read here, the rest is handed on with its places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from notifier.domain.delivery import RateLimit
from notifier.settings.document import MISSING, Path, SourceMark, SourceNode
from notifier.settings.sections import Block
from notifier.settings.values import Count, Flag, Quota, Span, Text, rate, text

SHARED = frozenset({"type", "rate_limit", "digest"})


class RateLimitBlock(Block):
    example: ClassVar[str] = "{messages: 30, per: 1h}"

    messages: Count
    per: Span
    burst: Count | None = None

    @property
    def limit(self) -> RateLimit:
        """Without `burst`, all of them may go at once."""
        return RateLimit(messages=self.messages, per=self.per, burst=self.burst or self.messages)


def _of_rate(value: Any) -> Any:
    """`30/hour` is short for a mapping."""
    if isinstance(value, list):
        raise ValueError("expected a single value, not a list")  # noqa: TRY004 - pydantic collects these
    if value is None or isinstance(value, dict | RateLimitBlock):
        return value
    quota = rate(value)
    return RateLimitBlock.model_construct(messages=quota.count, per=quota.per)


class ChannelCommon(Block):
    missing: ClassVar[dict[str, str]] = {
        "type": "email, slack, webhook, console, or a kind of your own",
    }

    type: Text
    rate_limit: (
        Annotated[RateLimitBlock, BeforeValidator(_of_rate, json_schema_input_type=Quota | RateLimitBlock)]
        | None
    ) = Field(
        default=None,
        description="Per target; without it nothing is held. Without `burst`, all messages may go at once.",
    )
    digest: Flag | None = Field(
        default=None,
        description="Whether what is held by the rate limit goes as one digest; else it goes one by one.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBlock:
    """A channel as written, its secrets read and its variables filled in; the registry validates `options`.

    `options` is without `type`, `rate_limit` and `digest`, and has `x` where the file has `x_file`. `marks`
    gives the place of every key (`("smtp", "port")`) and of every item of a list (`("to", 0)`) by its path
    inside the block.
    """

    name: str
    type: str
    options: Mapping[str, Any]
    rate_limit: RateLimit | None = None
    digest: bool | None = None
    mark: SourceMark
    marks: Mapping[Path, SourceMark] = field(default_factory=dict)


def channel_block(name: str, node: SourceNode, common: ChannelCommon | None) -> ChannelBlock:
    """The block at this node; `common` is None where what kinds share has problems, which are noted."""
    limit = None if common is None else common.rate_limit
    return ChannelBlock(
        name=name,
        type=kind_of(node),
        options={key: entry.plain(empty=False) for key, entry in node.entries.items() if key not in SHARED},
        rate_limit=None if limit is None else limit.limit,
        digest=None if common is None else common.digest,
        mark=node.key,
        marks=dict(_marks(node, ())),
    )


def kind_of(node: SourceNode) -> str:
    """The `type` of a channel, empty where none can be read."""
    kind = node.entries.get("type")
    try:
        return "" if kind is None else text(kind.plain())
    except ValueError:
        return ""


def is_whole(value: Any) -> bool:
    """Whether nothing in a block's options is missing, so that a kind can judge them."""
    if isinstance(value, Mapping):
        return all(map(is_whole, value.values()))
    if isinstance(value, list):
        return all(map(is_whole, value))
    return value is not MISSING


def _marks(node: SourceNode, path: Path) -> Iterator[tuple[Path, SourceMark]]:
    inner = node.value.items() if isinstance(node.value, Mapping) else enumerate(node.items)
    for step, entry in inner:
        yield (*path, step), entry.key
        yield from _marks(entry, (*path, step))
