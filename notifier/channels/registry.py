"""Validates a channel's block in the configuration, and opens its channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

from pydantic import ValidationError

from notifier.channels.base import FOLDER, Channel, ChannelSettings, Kind, Toolbox
from notifier.channels.kinds import BUILT_IN, InstalledKinds, installed
from notifier.domain.delivery import RateLimit
from notifier.domain.errors import ConfigError, Problem
from notifier.domain.time import Duration
from notifier.settings.channel_blocks import ChannelBlock
from notifier.settings.document import Path, SourceMark, dotted
from notifier.settings.secrets import is_secret as is_secret_of
from notifier.settings.validation_errors import alternatives, problems_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConfig:
    """A valid channel. `warnings` are shown by `check`, but do not prevent a start."""

    name: str
    mark: SourceMark
    kind: Kind[Any]
    settings: ChannelSettings
    targets: tuple[str, ...]
    rate_limit: RateLimit | None
    digest: bool
    pace: Duration
    concurrency: int
    action_links: bool = False
    warnings: tuple[Problem, ...] = ()


def validate(
    block: ChannelBlock, *, allow_private: bool, known: InstalledKinds | None = None
) -> ChannelConfig | tuple[Problem, ...]:
    """The channel that a block describes, or all its problems, each with its place."""
    available = installed() if known is None else known
    kind = available.kinds.get(block.type)
    if kind is None:
        return (block.problem(("type",), _unknown_kind(block.type, available)),)
    try:
        settings = kind.settings.model_validate(
            dict(block.options), context={FOLDER: File(block.mark.file).parent}
        )
        targets: tuple[Any, ...] = tuple(kind.targets(settings))
        cautions = tuple(block.problem((), str(warning)) for warning in kind.warnings(settings))
        digestible = kind.digestible(settings)
    except ValidationError as error:
        return tuple(
            problems_of(error, kind.settings, block.options, block.source, above=block.path, by_key=True)
        )
    except Exception as error:  # noqa: BLE001 - a kind may be third-party code
        sentence = f"the kind {block.type} failed to read its settings ({type(error).__name__}): update it"
        return (block.problem((), sentence),)
    if not targets or not all(isinstance(target, str) and target for target in targets):
        return (block.problem((), f"the kind {block.type} names nobody to send to: check its settings"),)
    if block.digest and not digestible:
        sentence = "each message of this channel is for one thread, so that none can be a digest: remove it"
        return (block.problem(("digest",), sentence),)
    return ChannelConfig(
        name=block.name,
        mark=block.mark,
        kind=kind,
        settings=settings,
        targets=targets,
        rate_limit=block.rate_limit,
        digest=kind.digest and digestible if block.digest is None else block.digest,
        pace=kind.pace,
        concurrency=kind.concurrency,
        action_links=kind.can.links,
        warnings=(*(() if allow_private else _plain_http(block)), *cautions),
    )


def open(config: ChannelConfig, toolbox: Toolbox) -> Channel:  # noqa: A001 - read as registry.open
    """Opens a validated channel. Raises `ConfigError` if its kind fails, which may be third-party code."""
    try:
        return config.kind.open(config.name, config.settings, toolbox)
    except Exception as error:
        why = f"the kind {config.kind.name} failed to open it ({type(error).__name__}): update it"
        raise ConfigError((config.mark.problem(f"{dotted(('channels', config.name))}: {why}"),)) from error


def is_secret(kind: str, path: Path, known: InstalledKinds | None = None) -> bool:
    """Whether this path of a kind's settings is a secret, which can be given by a file, as `x_file`."""
    kind_of_name = (installed() if known is None else known).kinds.get(kind)
    return kind_of_name is not None and is_secret_of(kind_of_name.settings, path)


def models() -> dict[str, type[ChannelSettings]]:
    """The settings model of each kind, by name."""
    return {name: kind.settings for name, kind in installed().kinds.items()}


def unusable(used: Iterable[str]) -> Iterable[str]:
    """Problems of installed kinds that no channel uses. Problems of used kinds are reported for their channels."""
    refused = installed().unusable.items()
    return [f"type {name}: {why}" for name, why in refused if name in BUILT_IN or name not in used]


def _unknown_kind(name: str, available: InstalledKinds) -> str:
    if name in available.unusable:
        return available.unusable[name]
    return f"there is no such kind of channel; {alternatives(name, available.kinds)}"


def _plain_http(block: ChannelBlock) -> Iterable[Problem]:
    for key in ("url", "webhook_url", "base_url"):
        value = block.options.get(key)
        if isinstance(value, str) and value.lower().startswith("http://"):
            yield block.problem(
                (key,),
                "http:// will be refused when something is to be sent; "
                "use https://, or set delivery.allow_private_addresses",
            )
