"""By what right somebody acted, in words."""

from __future__ import annotations

import pytest

from notifier.wording.credentials import credential


@pytest.mark.parametrize(
    ("key_name", "said"),
    [
        ("on-call", "key on-call"),
        ("slack:team", "key slack:team"),
        ("https://login.example.com/realms/main#u-1", "via login.example.com"),
        ("http://[#u", "via a provider"),
        ("proxy:x-user#Ann", "via the proxy"),
    ],
)
def test_a_credential_is_named(key_name: str, said: str) -> None:
    assert credential(key_name) == said
