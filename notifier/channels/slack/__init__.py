"""Slack, by a bot token (edited threads with buttons) or by an incoming webhook (posting only)."""

from __future__ import annotations

import json

from notifier.channels.base import Capabilities, Channel, Kind, Toolbox
from notifier.channels.slack.inbound import SlackInbound
from notifier.channels.slack.settings import SlackSettings, targets, warnings
from notifier.domain.message import Message
from notifier.domain.time import SECOND

__all__ = ["KIND"]


def _open(_name: str, settings: SlackSettings, toolbox: Toolbox) -> Channel:
    from notifier.channels.slack.sender import SlackChannel  # noqa: PLC0415 - slack_sdk, a quarter of a second

    return SlackChannel(settings, toolbox)


def _preview(_name: str, settings: SlackSettings, message: Message, _url: str | None) -> str:
    from notifier.channels.slack import blocks  # noqa: PLC0415 - slack_sdk, a quarter of a second

    options = blocks.BlockOptions(buttons=settings.signing_secret is not None, time_zone=settings.time_zone)
    return json.dumps(blocks.root(message, options), ensure_ascii=False, indent=2)


KIND = Kind(
    name="slack",
    settings=SlackSettings,
    open=_open,
    targets=targets,
    warnings=warnings,
    pace=SECOND,
    concurrency=4,
    inbound=SlackInbound(),
    preview=_preview,
    can=Capabilities(
        threads=True, edits=True, buttons=True, acknowledges=True, resolves=True, max_bytes=20_000
    ),
)
