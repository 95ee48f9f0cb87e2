"""What a channel's block must look like, and how a configured channel is opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from notifier.channels import secrets
from notifier.channels.base import FOLDER, Channel, ChannelSettings, Kind, Toolbox
from notifier.channels.kinds import BUILT_IN, Found, installed
from notifier.domain.delivery import RateLimit
from notifier.domain.errors import ConfigError, Problem
from notifier.domain.time import Duration
from notifier.settings import ChannelBlock, Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConfig:
    """A channel that can be opened. `warnings` are what `check` shows but what does not stop a start."""

    name: str
    mark: Mark
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
    block: ChannelBlock, *, allow_private: bool, known: Found | None = None
) -> ChannelConfig | tuple[Problem, ...]:
    """The channel that a block describes, or everything that is wrong with it, each with its place."""
    available = installed() if known is None else known
    kind = available.kinds.get(block.type)
    if kind is None:
        return (_problem(block, ("type",), f"type: {_unknown_kind(block.type, available)}"),)
    try:
        settings = kind.settings.model_validate(
            dict(block.options), context={FOLDER: Path(block.mark.file).parent}
        )
        targets: tuple[Any, ...] = tuple(kind.targets(settings))
        cautions = tuple(_problem(block, (), str(one)) for one in kind.warnings(settings))
    except ValidationError as error:
        return tuple(
            _explained(block, kind, one) for one in error.errors(include_url=False, include_input=False)
        )
    except Exception as error:  # noqa: BLE001 - a kind may be a stranger's code
        sentence = f"the kind {block.type} failed to read its settings ({type(error).__name__}): update it"
        return (_problem(block, (), sentence),)
    if not targets or not all(isinstance(target, str) and target for target in targets):
        return (_problem(block, (), f"the kind {block.type} names nobody to send to: check its settings"),)
    return ChannelConfig(
        name=block.name,
        mark=block.mark,
        kind=kind,
        settings=settings,
        targets=targets,
        rate_limit=block.rate_limit,
        digest=kind.digest if block.digest is None else block.digest,
        pace=kind.pace,
        concurrency=kind.concurrency,
        action_links=kind.action_links,
        warnings=(*(() if allow_private else _plain_http(block)), *cautions),
    )


def open(config: ChannelConfig, toolbox: Toolbox) -> Channel:  # noqa: A001 - read as registry.open
    """The sender of a validated channel. `ConfigError` where its kind, which may be a stranger's code, fails."""
    try:
        return config.kind.open(config.name, config.settings, toolbox)
    except Exception as error:
        why = f"the kind {config.kind.name} failed to open it ({type(error).__name__}): update it"
        raise ConfigError((_at_mark(config.mark, config.name, why),)) from error


def is_secret(kind: str, path: tuple[str | int, ...], known: Found | None = None) -> bool:
    """Whether a kind has a secret at this path of its settings: what may be given by a file, as `x_file`."""
    found = (installed() if known is None else known).kinds.get(kind)
    return found is not None and secrets.is_secret(found.settings, path)


def json_schema() -> dict[str, dict[str, Any]]:
    """The JSON Schema of every kind's own keys, by kind."""
    return {name: kind.settings.model_json_schema(by_alias=True) for name, kind in installed().kinds.items()}


def unusable(used: Iterable[str]) -> Iterable[str]:
    """What is wrong with installed kinds that no channel is of; one that a channel is of is that channel's problem."""
    refused = installed().unusable.items()
    return [f"type {name}: {why}" for name, why in refused if name in BUILT_IN or name not in used]


def _unknown_kind(name: str, available: Found) -> str:
    if name in available.unusable:
        return available.unusable[name]
    names = sorted(available.kinds)
    close = get_close_matches(name, names, n=1)
    return f"there is no such kind of channel{_meant(close)}; there are {', '.join(names)}"


def _plain_http(block: ChannelBlock) -> Iterable[Problem]:
    for key in ("url", "webhook_url", "base_url"):
        value = block.options.get(key)
        if isinstance(value, str) and value.lower().startswith("http://"):
            yield _problem(
                block,
                (key,),
                f"{key}: http:// will be refused when something is to be sent; "
                "use https://, or set delivery.allow_private_addresses",
            )


def _explained(block: ChannelBlock, kind: Kind[Any], error: ErrorDetails) -> Problem:
    path = _written_path(block, error["loc"])
    return _problem(block, path, f"{_dotted(path)}{_sentence(kind, path, error)}")


def _sentence(kind: Kind[Any], path: tuple[str | int, ...], error: ErrorDetails) -> str:
    match error["type"]:
        case "extra_forbidden":
            keys = _keys_at(kind.settings, path[:-1])
            return f"unknown key{_meant(get_close_matches(str(path[-1]), keys, n=1))}; known: {', '.join(sorted(keys))}"
        case "missing":
            return "is missing"
        case "value_error":
            return str(error["ctx"]["error"])
        case "string_pattern_mismatch":
            return "has characters that do not belong there, or is empty"
        case _:
            text = error["msg"].removeprefix("Input ")
            return text[:1].lower() + text[1:]


def _written_path(block: ChannelBlock, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The path as written: a list of one may be written without its brackets."""
    if (
        len(loc) > 1
        and loc[-1] == 0
        and loc not in block.marks
        and not isinstance(_at(block.options, loc[:-1]), list)
    ):
        return loc[:-1]
    return loc


def _at(options: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if not isinstance(options, Mapping) or step not in options:
            return None
        options = options[step]
    return options


def _problem(block: ChannelBlock, path: tuple[str | int, ...], message: str) -> Problem:
    return _at_mark(_mark(block, path), block.name, message)


def _at_mark(mark: Mark, name: str, message: str) -> Problem:
    return Problem(file=mark.file, line=mark.line, column=mark.column, message=f"channels.{name}: {message}")


def _mark(block: ChannelBlock, path: tuple[str | int, ...]) -> Mark:
    """The place of the node, or of the nearest one around it that was written."""
    prefixes = (path[:length] for length in range(len(path), 0, -1))
    return next((block.marks[prefix] for prefix in prefixes if prefix in block.marks), block.mark)


def _dotted(path: tuple[str | int, ...]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    return f"{text}: " if text else ""


def _keys_at(settings: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    model = secrets.model_at(settings, path)
    if model is None:
        return []
    names = [field.alias or name for name, field in model.model_fields.items()]
    return [*names, *(f"{name}_file" for name in names if secrets.is_secret(model, (name,)))]


def _meant(close: list[str]) -> str:
    return f", did you mean {close[0]}?" if close else ""
