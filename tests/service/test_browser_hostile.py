"""Hostile text in a real browser: no page has more in it than with harmless text, and nothing runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.chromium import SETTINGS, Reader, chromium, needs_chromium
from tests.hostile import CHUNKS, PAYLOADS, VARIANTS, harmless, report
from tests.processes import Service

__all__ = ["chromium"]

pytestmark = [pytest.mark.slow, needs_chromium]

# The browser's own reading of what the server sent, before any script of ours adds to it.
CENSUS = """html => [...new DOMParser().parseFromString(html, 'text/html').querySelectorAll('*')].map(
    one => one.tagName + ' ' + one.getAttributeNames().sort().join(' '))"""


def spread(service: Service, of: Callable[[str], str]) -> None:
    """Reports with all texts of a chunk, notes and silences of half of one; each text alone in lists and as a task."""
    reports = [{**report(list(map(of, chunk))), "fingerprint": [str(n)]} for n, chunk in enumerate(CHUNKS)]
    alone = [
        {"service": text, "environment": text, "message": text, "fingerprint": [text], "labels": {"a": text},
         "severity": "none"}
        for text in map(of, VARIANTS)
    ]  # fmt: skip
    runs = [
        {"id": f"run-{number}", "task": text, "service": text, "state": "failed", "result": text,
         "error": {"type": text, "message": text}, "arguments": {"args": [text], "kwargs": {text: text}}}
        for number, text in enumerate(map(of, VARIANTS))
    ]  # fmt: skip
    with service.client() as client:
        answer = client.post("/v1/events", json=reports)
        assert all(one["status"] == "accepted" for one in answer.json()["results"]), answer.text
        assert client.post("/v1/events", json=alone).status_code == 202
        assert client.post("/v1/task-runs", json=runs).status_code in {200, 202}
        for number, chunk in enumerate(CHUNKS, 1):
            for half in (chunk[::2], chunk[1::2]):
                text = " ".join(map(of, half))[:2_000]
                note = client.post(f"/v1/incidents/{number}/notes", json={"text": text})
                assert note.status_code == 200, note.text
                silence = {
                    "matchers": ['service="quiet"'],
                    "ends_at": "2100-01-01T00:00:00Z",
                    "comment": text,
                }
                assert client.post("/v1/silences", json=silence).status_code == 201
    service.settle()


def shown(service: Service, opened: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Each page as `opened` says it; the list of incidents from its beginning to its end."""
    group = service.get("/v1/groups")["items"][0]["id"]
    numbers = [f"/incidents/{n}{part}" for n in range(1, len(CHUNKS) + 1) for part in ("", "/copy")]
    for path in (
        *numbers,
        "/deliveries",
        "/silences",
        "/tasks",
        "/stats",
        "/dead-letters",
        f"/groups/{group}",
    ):
        yield path, opened(path)
    following: str | None = "/incidents?sort=newest"
    while following:
        page = opened(following)
        yield "/incidents", page
        found = re.search('href="([^"]*cursor=[^"]*)"', page)
        following = unescape(found[1]) if found else None


def _heard(said: list[str], dialog: Any) -> None:
    said.append(f"dialog {dialog.message}")
    dialog.dismiss()


def _opened(reader: Reader, path: str) -> str:
    answer = reader.page.goto(path)
    assert answer.status == 200, path
    addresses = reader.page.evaluate("() => [...document.links].map(one => one.href)")
    assert not [address for address in addresses if address.startswith("javascript:")], path
    return str(answer.text())


def _fetched(reader: Reader, path: str) -> str:
    return str(reader.page.request.get(path).text())


def _searched(reader: Reader, text: str) -> None:
    reader.page.goto("/incidents?state=resolved")
    reader.page.locator("#q").fill(text.replace("\r", " ").replace("\n", " "))
    reader.page.locator("#q").press("Enter")
    reader.page.wait_for_load_state()


@pytest.mark.slow(takes=60)
def test_hostile_text_adds_nothing_to_a_page(chromium: Any, tmp_path: Path) -> None:
    """Each page has the elements and attributes that it has with harmless text of the same length; nothing runs."""
    seen: dict[str, list[tuple[str, list[str]]]] = {}
    for name, of in (("hostile", str), ("plain", harmless)):
        (tmp_path / name).mkdir()
        # A service of its own: pages that list sessions show those of other tests' readers.
        with Service(tmp_path / name, SETTINGS) as one:
            spread(one, of)
            reader = Reader(chromium, one)
            reader.page.on("dialog", partial(_heard, reader.said))
            opened = partial(_opened, reader) if name == "hostile" else partial(_fetched, reader)
            seen[name] = [(path, reader.page.evaluate(CENSUS, page)) for path, page in shown(one, opened)]
            for text in PAYLOADS if name == "hostile" else ():
                _searched(reader, text)
            # A search that cannot be read is answered with 422, which the browser's console says.
            assert [line for line in reader.said if "422" not in line] == []
            reader.context.close()
    assert len(seen["hostile"]) > 2 * len(CHUNKS) + len(VARIANTS) / 50
    for (path, hostile), (_, plain) in zip(seen["hostile"], seen["plain"], strict=True):
        assert hostile == plain, path
