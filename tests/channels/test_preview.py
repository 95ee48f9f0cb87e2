"""How a message would look at a receiver, shown to people before and after it is sent."""

from __future__ import annotations

import json

import pytest

from notifier.channels import kinds
from notifier.testing.cases import ChannelCase, parse_settings
from notifier.testing.messages import hostile, message
from tests.channels.cases import CASES


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[name for name, _ in CASES])
def test_a_preview_shows_the_message_and_no_secret(case: ChannelCase) -> None:
    """Whatever the event's text is."""
    kind = kinds.BUILT_IN[case.kind.name]
    assert kind.preview is not None
    with case.receiver() as receiver:
        settings = parse_settings(kind, case.options(receiver))
    for told in (message(), hostile(case.markup)):
        shown = kind.preview("team", settings, told, None)
        assert not [secret for secret in case.secrets if secret in shown]
    assert "upstream timed out" in kind.preview("team", settings, message(), None)


def test_a_webhook_shows_the_body_that_it_posts() -> None:
    """As JSON with its lines, to build a receiver from."""
    kind = kinds.BUILT_IN["webhook"]
    assert kind.preview is not None
    settings = kind.settings.model_validate({"url": "https://hooks.example.com/n"})
    assert json.loads(kind.preview("team", settings, message(), None))["type"] == "incident.opened"
