"""The section `auth`, beyond its golden files."""

from __future__ import annotations

import pytest

from notifier.settings.auth import issuer, missing_extra


def test_an_extra_that_is_not_installed_is_named() -> None:
    """In the file's place, so that `check` and the start say it before anybody signs in."""
    assert missing_extra("oidc", ["json"]) is None
    sentence = missing_extra("oidc", ["json", "no_such_module"])
    assert sentence is not None
    assert "the extra `oidc`" in sentence


@pytest.mark.parametrize(
    "written",
    [
        "https://login.example.com/",
        "https://login.example.com/a/b",
        "http://localhost:8080",
        "http://[::1]:1",
    ],
)
def test_an_issuer_stays_as_it_is_written(written: str) -> None:
    """A slash at its end is part of what tokens say."""
    assert issuer(written) == written


@pytest.mark.parametrize(
    "written",
    ["", 7, "https://", "ftp://a.example", "https://a.example:x", "https://u@a.example", "https://a.example/?b",
     "https://a.example/#b", "http://localhost.evil.example", "https://[", "https://a\n.example"],
)  # fmt: skip
def test_what_is_no_issuer_is_refused(written: str | int) -> None:
    with pytest.raises(ValueError, match=r"expected (https|an address|the provider's|text)"):
        issuer(written)
