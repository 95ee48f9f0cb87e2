"""Words for what became of a delivery, and for who receives one."""

from __future__ import annotations

import base64
import time
from typing import Any

from notifier.channels.signing import signature, signing_key
from notifier.domain.delivery import DeliveryState, Outcome
from notifier.wording.outcomes import OUTCOMES, STATES
from notifier.wording.receivers import WEBHOOK_RECEIVER

SECRET = "whsec_" + base64.b64encode(b"k3y-that-nobody-may-see!").decode()
OTHER = "whsec_" + base64.b64encode(b"another-key-of-24-bytes!").decode()


def test_every_outcome_and_state_has_words() -> None:
    """No page shows a bare name."""
    assert OUTCOMES.keys() == set(Outcome)
    assert STATES.keys() == set(DeliveryState)
    assert all(words.then.endswith(".") for words in OUTCOMES.values())


def _headers(*secrets: str, body: bytes, at: int) -> dict[str, str]:
    keys = [signing_key(secret) for secret in secrets]
    return {
        "webhook-id": "d-1",
        "webhook-timestamp": str(at),
        "webhook-signature": signature(keys, id_="d-1", seconds=at, body=body),
    }


def test_the_receiver_that_is_shown_knows_who_sent_it() -> None:
    """As it is copied: what we sign passes, with an older secret beside it too; anything else does not."""
    room: dict[str, Any] = {}
    exec(WEBHOOK_RECEIVER.replace("whsec_...", SECRET), room)
    verified, body, now = room["verified"], b'{"type":"incident.opened"}', int(time.time())
    assert verified(_headers(SECRET, body=body, at=now), body)
    assert verified(_headers(OTHER, SECRET, body=body, at=now), body)
    assert not verified(_headers(SECRET, body=body, at=now), body + b" ")
    assert not verified(_headers(OTHER, body=body, at=now), body)
    assert not verified(_headers(SECRET, body=body, at=now - 301), body)
