"""The page that messages link to: where to look, and nothing for a stranger."""

from __future__ import annotations

import httpx
import pytest

from notifier.web.incidents import incident_page

pytestmark = pytest.mark.anyio


async def answer(path: str, method: str = "GET") -> httpx.Response:
    transport = httpx.ASGITransport(incident_page)
    async with httpx.AsyncClient(transport=transport, base_url="https://notifier.example.com") as http:
        return await http.request(method, path)


async def test_a_message_leads_to_the_commands_for_its_incident() -> None:
    """The number is all that the page knows; it says how to ask for the rest."""
    page = await answer("/incidents/142")
    assert page.status_code == 200
    for command in ("incidents show", "explain", "incidents acknowledge", "incidents resolve"):
        assert f"notifier {command} 142" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_link_with_an_id_speaks_of_no_other_incident() -> None:
    """After a restored backup the number may be another's, so that the commands go by the id; an old link says so."""
    page = await answer("/incidents/142?id=0192f0c1-0000-7000-8000-000000000000")
    assert page.status_code == 200
    for command in ("incidents show", "explain", "incidents acknowledge", "incidents resolve"):
        assert f"notifier {command} 0192f0c1-0000-7000-8000-000000000000" in page.text
        assert f"notifier {command} 142" not in page.text
    assert "another incident" not in page.text
    assert "another incident" in (await answer("/incidents/142")).text


@pytest.mark.parametrize("id_", ["", "x" * 65, "a b", "%3Cscript%3E", "1;rm", "a%0Ab"])
async def test_what_is_no_id_is_not_found(id_: str) -> None:
    """And is not repeated; the number alone is not taken for it."""
    page = await answer(f"/incidents/142?id={id_}")
    assert page.status_code == 404
    assert "142</" not in page.text
    assert "<script" not in page.text


@pytest.mark.parametrize("name", ["", "x", "1/2", "9" * 20, "%3Cscript%3E"])
async def test_what_is_no_number_is_not_found(name: str) -> None:
    """And is not repeated."""
    page = await answer(f"/incidents/{name}")
    assert page.status_code == 404
    assert "<script" not in page.text


async def test_nothing_is_done_here() -> None:
    """A form posted here changes nothing, and hears which methods there are."""
    page = await answer("/incidents/142", "POST")
    assert (page.status_code, page.headers["allow"]) == (405, "GET, HEAD")
    assert (await answer("/incidents/142", "HEAD")).content == b""
