"""Over five hundred hostile texts in every field of a sender: pages have the same structure as with harmless ones."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest

from notifier.domain.event import Event
from notifier.domain.value import replace
from tests.browser import Browser
from tests.hostile import CHUNKS, VARIANTS, harmless, report
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio

PROJECTS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "shop": ("manager", str),
    "other": ("stranger", harmless),
}
_VALUE, _TEXT = re.compile('"[^"]*"'), re.compile(">[^<]+<")
_ADDRESS = re.compile('<(?!link)[^<>]* (?:href|src|action)="([^"]*)"')


async def fill(shop: Pages, project: str, of: Callable[[str], str]) -> list[str]:
    """Incidents with the texts in the list's columns, runs of such tasks, and reports of several texts each.

    Their ids.
    """
    world, texts = shop.world, list(map(of, VARIANTS))

    def event(number: int, title: str, **fields: Any) -> Event:
        made = world.event(title, project=project, **fields)
        return replace(made, fingerprint=f"{project} {number}")

    await world.post_all(
        [
            event(number, text, service=text, environment=text, labels={"exception": text})
            for number, text in enumerate(texts)
        ]
    )
    reports = []
    for number, chunk in enumerate(CHUNKS, len(texts)):
        own = list(map(of, chunk))
        labels = {f"{index} {text}": text for index, text in enumerate(own)}
        made = event(number, " ".join(own)[:200], labels=labels)
        reports.append(replace(made, document=json.dumps(report(own))))
    failed = {"project": project, "state": "failed", "letter": "waiting", "finished_at": world.clock.now()}
    named = [
        {
            "task": text,
            "service": text,
            "error": json.dumps({"type": text, "message": text}),
            "result": json.dumps({text: [text]}),
            "arguments": json.dumps({"args": [text], "kwargs": {text: text}}),
        }
        for text in texts
    ]
    await world.ran(*({**failed, **run, "id": f"{project}-{n:03}"} for n, run in enumerate(named)))
    return await world.post_all(reports)


async def opened(browser: Browser, path: str, *, status: frozenset[int] = frozenset({200})) -> str:
    """The page as sent; its addresses must be ours, or of the three kinds that become links."""
    answer = await browser.http.get(path, follow_redirects=True)
    assert answer.status_code in status, path
    addresses = set(_ADDRESS.findall(answer.text))
    assert all(re.match("/|[?#]|https?://|mailto:|$", address) for address in addresses), path
    return answer.text


def skeleton(page: str) -> str:
    """The page without texts and attribute values, which exposes text that escaped from either."""
    return _TEXT.sub("><", _VALUE.sub('""', page))


async def skeletons(browser: Browser, project: str, reports: Sequence[str]) -> AsyncIterator[tuple[str, str]]:
    """The skeletons of reports, of whole lists, of runs and of searches, each with a name."""
    for id_ in reports:
        yield "report", skeleton(await opened(browser, f"/incidents/{id_}"))
    following = "/incidents?sort=newest"
    while following:
        page = await opened(browser, following)
        yield "list", skeleton(page)
        found = re.search('href="([^"]*cursor=[^"]*)"', page)
        following = unescape(found[1]) if found else ""
    for path in ("/tasks", "/stats", "/dead-letters"):
        yield path, skeleton(await opened(browser, path))
    for number in range(0, len(VARIANTS), 50):
        yield f"run {number}", skeleton(await opened(browser, f"/tasks/run?id={project}-{number:03}"))
    for text in map(PROJECTS[project][1], VARIANTS[::50]):
        path = f"/incidents?state=resolved&q={quote(json.dumps(text))}"
        yield text, skeleton(await opened(browser, path, status=frozenset({200, 422})))


async def test_it_adds_nothing_to_any_page(shop: Pages) -> None:
    """Every element and attribute of lists, reports, runs and searches is the same as with harmless text."""
    seen = {}
    for project, (key, of) in PROJECTS.items():
        reports = await fill(shop, project, of)
        browser = await shop.browser(key)
        seen[project] = [each async for each in skeletons(browser, project, reports)]
    assert len(seen["shop"]) > len(VARIANTS) / 50
    for (what, hostile), (_, plain) in zip(seen["shop"], seen["other"], strict=True):
        assert hostile == plain, what
