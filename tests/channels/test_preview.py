"""Previews of messages."""

from __future__ import annotations

import json

import pytest

from notifier.channels import kinds
from notifier.testing.cases import ChannelCase, parse_settings
from notifier.testing.messages import hostile, message
from tests.channels.cases import CASES


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[name for name, _ in CASES])
def test_a_preview_shows_the_message_and_no_secret(case: ChannelCase) -> None:
    """The preview contains the message and no secret, for any event text."""
    kind = kinds.BUILT_IN[case.kind.name]
    assert kind.preview is not None
    with case.receiver() as receiver:
        settings = parse_settings(kind, case.options(receiver))
    for told in (message(), hostile(case.markup)):
        shown = kind.preview("team", settings, told, None)
        assert not [secret for secret in case.secrets if secret in shown]
    assert "upstream timed out" in kind.preview("team", settings, message(), None)


def test_a_webhook_shows_the_body_that_it_posts() -> None:
    """A webhook's preview is its body as indented JSON."""
    kind = kinds.BUILT_IN["webhook"]
    assert kind.preview is not None
    settings = kind.settings.model_validate({"url": "https://hooks.example.com/n"})
    assert json.loads(kind.preview("team", settings, message(), None))["type"] == "incident.opened"
