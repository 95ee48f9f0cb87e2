"""Only web and mail addresses become links."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.wording.links import page_links


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://wiki.example/a?b=c#d", "Runbook (wiki.example)"),
        ("HTTP://wiki.example", "Runbook (wiki.example)"),
        ("https://bank.example@evil.example/", "Runbook (evil.example)"),
        ("mailto:ann@example.com", "Runbook (ann@example.com)"),
    ],
)
def test_an_address_that_may_be_followed(url: str, text: str) -> None:
    """The text says where it leads, whatever the title says."""
    (link,) = page_links({"links": [{"title": "Runbook", "url": url}]})
    assert (link.href, link.text) == (url, text)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example",
        "/incidents/1",
        "https:evil.example",
        "https://",
        "https://[::1",
        "https://a b.example",
        "https://a.example/\u202e",
        "",
        "ftp://a.example",
        "mailto:",
    ],
)
def test_any_other_is_text(url: str) -> None:
    """Shown, and not followed."""
    (link,) = page_links({"links": [{"title": "x", "url": url}]})
    assert link.href is None


@pytest.mark.parametrize(
    "event", [None, {}, {"links": None}, {"links": "x"}, {"links": [None, 7, "x"]}, {"links": {"url": "x"}}]
)
def test_a_document_without_links(event: Any) -> None:
    """Samples of old versions may hold anything."""
    assert page_links(event) == ()


def test_a_link_may_lack_its_parts() -> None:
    """A title that is the host is said once."""
    links = page_links(
        {
            "links": [
                {},
                {"url": 7},
                {"url": "https://a.example"},
                {"title": "a.example", "url": "https://a.example"},
            ]
        }
    )
    assert [link.text for link in links] == ["(no address)", "(no address)", "a.example", "a.example"]
