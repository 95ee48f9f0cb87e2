"""A Slack channel's block in the configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, model_validator

from notifier.channels.base import ChannelSettings
from notifier.channels.http import SecretUrl, parse_url
from notifier.channels.time_zone import TimeZone

SIGNING_SECRET_CHARACTERS = 32
"""The length of Slack's signing secrets. Their characters are not checked, because Slack may change them."""


def _url(text: str) -> str:
    parse_url(text)
    return text


def _token(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", secret.get_secret_value()):
        raise ValueError("must be a token such as xoxb-..., without spaces or line breaks")
    return secret


def _signing_secret(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", secret.get_secret_value()):
        raise ValueError(
            "must be the app's Signing Secret, from the app's Basic Information, without spaces or line breaks"
        )
    return secret


class SlackSettings(ChannelSettings):
    """Either `token` and `channel`, or `webhook_url`. With `signing_secret`, the bot's messages have buttons.

    `time_zone` is used for the button's "until 09:00", and for times that Slack cannot show in each reader's zone.
    """

    token: Annotated[SecretStr, AfterValidator(_token)] | None = None
    channel: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    webhook_url: SecretUrl | None = None
    base_url: Annotated[str, AfterValidator(_url)] = "https://slack.com/api/"
    signing_secret: Annotated[SecretStr, AfterValidator(_signing_secret)] | None = None
    time_zone: TimeZone = "UTC"

    @model_validator(mode="after")
    def _check_exclusive(self) -> SlackSettings:
        if self.webhook_url is not None:
            if self.token is not None or self.channel is not None:
                raise ValueError("has both ways: keep `token` and `channel`, or `webhook_url`")
            if self.signing_secret is not None:
                raise ValueError(
                    "has `signing_secret`, which is for a bot's buttons: give `token` and `channel`, or remove it"
                )
        elif self.token is None or self.channel is None:
            raise ValueError("needs `token` and `channel` (a bot), or `webhook_url` (an incoming webhook)")
        return self


def warnings(settings: SlackSettings) -> Iterator[str]:
    """Sentences about what a channel with these settings cannot do."""
    if settings.webhook_url is not None:
        yield (
            "an incoming webhook only posts: no message is edited, there are no threads and no buttons; "
            "a bot (`token` and `channel`) has them"
        )
    elif settings.signing_secret is None:
        yield "without `signing_secret` its messages have no buttons: it is in the Slack app's Basic Information"
    elif len(settings.signing_secret.get_secret_value()) < SIGNING_SECRET_CHARACTERS:
        yield (
            "`signing_secret` is shorter than Slack's are, and whoever guesses it may press every button: "
            "it is in the Slack app's Basic Information"
        )


def targets(settings: SlackSettings) -> tuple[str, ...]:
    """The channel, or the host of the webhook, whose path is a secret."""
    if settings.webhook_url is None:
        return (settings.channel or "",)
    return (parse_url(settings.webhook_url.get_secret_value()).host,)
