"""The list of incidents: order, search, rows, and bulk acts."""

from __future__ import annotations

import html
import re
from urllib.parse import urlencode

import pytest

from notifier.domain.matcher import match_all
from notifier.domain.time import HOUR
from notifier.oncall import actions, incidents, silences
from notifier.oncall.actor import Actor
from notifier.oncall.bulk import AcknowledgeAction, act_on_named
from notifier.oncall.paging import PageRequest
from tests.browser import SeenPage
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio

HOSTILE = "<script>alert(1)</script>\"' onmouseover=x {{ 7*7 }} \u202e\x1b"


def titles(page: SeenPage) -> list[str]:
    """The titles in the order of the page."""
    rows = page.answer.text.split('<td class="what">')[1:]
    return [row.split('">', 1)[1].split("</a>", 1)[0] for row in rows]


def matchers(page: SeenPage) -> str:
    """The matchers in a silence's form."""
    found = re.search(r'<textarea name="matchers"[^>]*>(.*?)</textarea>', page.answer.text, re.DOTALL)
    return html.unescape(found[1]) if found else ""


def actor(shop: Pages, name: str) -> Actor:
    return Actor(name=name, key_name="cli", project="shop", project_scope="shop", new_id=shop.world.new_id)


async def test_open_ones_stand_first_by_severity_and_what_came_last(shop: Pages) -> None:
    """Open ones come first, by severity and last change.

    Acknowledged ones have their own heading, resolved ones a link.
    """
    ids = {}
    for title, severity in (
        ("mine", "critical"),
        ("old error", "error"),
        ("new error", "error"),
        ("bad", "critical"),
        ("over", "critical"),
    ):
        ids[title] = await shop.world.post(title, severity=severity)
        shop.world.clock.advance(1_000)
    await shop.world.post("old error", severity="error")
    database = shop.world.database
    await database.write(lambda tx: actions.acknowledge(tx, actor(shop, "ann"), ids["mine"]))
    await database.write(lambda tx: actions.resolve(tx, actor(shop, "ann"), ids["over"]))
    browser = await shop.browser()
    page = await browser.opens("/incidents")
    assert titles(page) == ["bad", "old error", "new error", "mine"]
    assert page.text.index("Open") < page.text.index("Acknowledged")
    assert "ann has it" in page.text
    assert "<title>(3) Incidents" in page.answer.text
    assert titles(await browser.opens("/incidents?sort=newest&state=open")) == [
        "bad",
        "new error",
        "old error",
    ]
    assert titles(await browser.opens("/incidents?state=resolved")) == ["over"]
    assert titles(await browser.opens("/incidents?q=severity%3Dcritical+bad")) == ["bad"]


async def test_who_holds_what_until_when(shop: Pages) -> None:
    """Rows show snoozes and silences with people and ends, and the last day in 24 bars."""
    id_ = await shop.world.post("noisy")
    until = shop.world.clock.now() + HOUR
    await shop.world.database.write(lambda tx: actions.snooze(tx, actor(shop, "bo"), id_, until=until))
    browser = await shop.browser()
    page = await browser.opens("/incidents")
    assert "snoozed by bo until" in page.text
    (spark,) = [attributes for tag, attributes in page.tags if tag == "svg" and "aria-label" in attributes]
    assert spark["aria-label"] == "1 event in 24 hours, at most 1 in one"
    assert spark["viewbox"] == "0 0 240 48"


async def test_several_are_acted_on_at_once(shop: Pages) -> None:
    """Chosen incidents are acted on without scripts; resolving asks for confirmation, and refused ones are counted."""
    ids = [await shop.world.post(f"broken {n}") for n in range(4)]
    browser = await shop.browser()
    listed = "/incidents?sort=newest"
    posting = next(
        one
        for one in (await browser.opens(listed)).forms
        if one.action == "/incidents" and one.method == "post"
    )
    done = await browser.sends(posting, act="acknowledge", ids=ids[:2])
    assert "You have 2 incidents: repeats and escalation" in done.text
    assert done.answer.url.params["sort"] == "newest"
    again = await browser.sends(posting, act="acknowledge", ids=[*ids[:3], "unknown"])
    assert "You have 1 incident: repeats and escalation stop. 3 were left" in again.text
    snoozed = await browser.sends(posting, act="snooze", ids=[ids[3]])
    assert "snoozed by manager until" in snoozed.text
    sure = await browser.sends(posting, act="resolve", ids=ids)
    assert "Resolve 4 incidents?" in sure.text
    assert titles(await browser.opens("/incidents")) != []
    over = await browser.sends(sure.form("/incidents"))
    assert "Resolved 4 incidents: " in over.text
    assert "Nothing is open" in (await browser.opens("/incidents")).text


async def test_several_are_silenced_at_once(shop: Pages) -> None:
    """A silence that matches all chosen incidents is previewed, then created."""
    world = shop.world
    chosen = [
        await world.post("card declined", labels={"exception": "Declined"}),
        await world.post("no answer (30s)", service="a.b/c d", labels={"exception": "Time|out"}),
        await world.post("no exception at all"),
    ]
    await world.post("card expired", labels={"exception": "Declined"})
    other = await world.post("unlike", service="other")
    browser = await shop.browser()
    form = await browser.sends(
        (await browser.opens("/incidents")).form("/incidents"), act="silence", ids=chosen
    )
    assert form.status == 200
    assert "It matches the 3 incidents you chose and 1 other." in form.text
    assert ("card expired" in form.text, "unlike" in form.text) == (True, False)
    done = await browser.sends(form.form("/silences"), matchers=matchers(form), comment="moving")
    assert "Silenced." in done.text
    (silence,) = (
        await silences.find(world.database, project="shop", state="active", page_request=PageRequest(limit=9))
    ).items
    for id_ in [*chosen, other]:
        known = await incidents.get(world.database, id_, project_scope="shop", url=None)
        assert match_all(silence.silence.matchers, known.labels) == (id_ != other)


async def test_what_a_search_by_labels_finds_is_silenced(shop: Pages) -> None:
    """The matchers of a search become the silence's; a search for words has none."""
    await shop.world.post("timeout")
    browser = await shop.browser()
    page = await browser.opens("/incidents?q=service%3Dbilling")
    shown = await browser.sends(page.form("/incidents"), act="silence", all="yes")
    assert matchers(shown) == 'service="billing"'
    refused = await browser.sends(
        page.form("/incidents"), act="silence", all="yes", q="service=billing timeout"
    )
    assert refused.status == 422
    assert "A silence matches labels, not words" in refused.text


async def test_all_that_a_search_finds_is_acted_on(shop: Pages) -> None:
    """A bulk act on a search includes matches on other pages; an empty search cannot be acted on."""
    for n in range(3):
        await shop.world.post(f"timeout {n}")
    await shop.world.post("other")
    browser = await shop.browser()
    page = await browser.opens("/incidents?q=timeout")
    posting = next(one for one in page.forms if one.method == "post" and one.action == "/incidents")
    done = await browser.sends(posting, act="acknowledge", all="yes")
    assert "You have 3 incidents: " in done.text
    sure = await browser.sends(posting, act="resolve", all="yes")
    assert ("Resolve 3 incidents?" in sure.text, "finds: timeout" in sure.text) == (True, True)
    refused = await browser.sends(posting, act="acknowledge", all="yes", q="")
    assert refused.status == 422


@pytest.mark.parametrize(
    "written",
    [
        {"act": "acknowledge"},
        {"act": "explode", "ids": "1"},
        {"act": "snooze", "ids": "1", "for": "forever"},
        {"act": "snooze", "ids": "1", "until": "yesterday", "for": ""},
        {"act": "acknowledge", "ids": ["x"] * 1_001},
        {"act": "acknowledge", "ids": "1", "state": "<b>"},
        {"act": "acknowledge", "all": "yes", "q": 'service=~"("'},
    ],
)
async def test_what_makes_no_sense_does_nothing(shop: Pages, written: dict[str, str | list[str]]) -> None:
    """Invalid input is a 422 with a sentence that does not repeat it."""
    await shop.world.post("timeout")
    browser = await shop.browser()
    page = await browser.opens("/incidents")
    posting = next(one for one in page.forms if one.method == "post" and one.action == "/incidents")
    refused = await browser.sends(posting, **written)
    assert refused.status == 422
    assert 'role="alert"' in refused.answer.text or "Nothing has been done" in refused.text
    assert "<b>" not in refused.answer.text
    assert "(0)" not in (await browser.opens("/incidents")).text


@pytest.mark.parametrize(
    "query",
    ["state=x", "sort=x", "cursor=x", "q=service%3D~%22(%22", "q=" + "x" * 3_000, "q=%00", "q=%ff%fe"],
)
async def test_an_address_that_asks_for_nothing_sensible(shop: Pages, query: str) -> None:
    """An invalid address is a 422 with a sentence, or an empty list."""
    browser = await shop.browser()
    page = await browser.opens(f"/incidents?{query}")
    assert page.status in {200, 422}


async def test_a_search_that_cannot_be_read_stays_in_its_form(shop: Pages) -> None:
    """A search that cannot be parsed stays in its field, with the sentence below; nothing is listed."""
    await shop.world.post("timeout")
    page = await (await shop.browser()).opens("/incidents?state=open&q=service%3D~%22(%22+%3Cb%3E")
    (search,) = [form for form in page.forms if form.method == "get"]
    assert ("q", 'service=~"(" <b>') in search.fields
    assert "The regular expression does not compile" in page.text
    assert (page.status, titles(page)) == (422, [])


async def test_what_events_say_stays_text(shop: Pages) -> None:
    """Text of events stays text in titles, labels and the search."""
    await shop.world.post(HOSTILE, service=HOSTILE, environment=HOSTILE)
    browser = await shop.browser()
    page = await browser.opens("/incidents?" + urlencode({"q": HOSTILE}))
    again = await browser.opens("/incidents")
    for shown in (page, again):
        assert "<script>alert" not in shown.answer.text
        assert "{{ 7*7 }}" in shown.answer.text or "7*7" not in shown.answer.text
        assert "49" not in titles(shown)
        assert not any("onmouseover" in attributes for _, attributes in shown.tags)
        assert "\u202e" not in "".join(titles(shown))


async def test_new_ones_are_announced_and_do_not_move_the_list(shop: Pages) -> None:
    """New incidents are counted above the list, which keeps its order."""
    await shop.world.post("first")
    browser = await shop.browser()
    page = await browser.opens("/incidents")
    (again,) = [attributes["hx-get"] or "" for _, attributes in page.tags if "hx-get" in attributes]
    await shop.world.post("second", severity="critical")
    later = await browser.opens(again)
    assert titles(later) == ["first"]
    assert "1 new" in later.text
    assert titles(await browser.opens("/incidents")) == ["second", "first"]


async def test_an_empty_list_says_how_to_begin(shop: Pages) -> None:
    """An empty project links to the first event; a search without results says so."""
    browser = await shop.browser()
    page = await browser.opens("/incidents")
    assert "/setup" in page.hrefs()
    assert "Send a first event" in page.text
    searched = await browser.opens("/incidents?q=nothing")
    assert "/incidents?q=nothing&state=resolved" in searched.hrefs()
    assert 'name="act"' not in searched.answer.text
    id_ = await shop.world.post("over")
    await shop.world.database.write(lambda tx: actions.resolve(tx, actor(shop, "ann"), id_))
    page = await browser.opens("/incidents")
    assert "Nothing is open" in page.text
    assert "Send a first event" not in page.text


async def test_one_click_asks_for_a_severity_a_service_and_ones_own(shop: Pages) -> None:
    """A click filters by severity, service or own incidents, in addition to the search; a second click removes that."""
    ids = [
        await shop.world.post(title, severity=severity, service=f"of {title}")
        for title, severity in (("bad", "critical"), ("worse", "critical"), ("small", "warning"))
    ]
    act = AcknowledgeAction()
    await act_on_named(shop.world.database, actor(shop, "ann"), act, [ids[0], ids[2]])
    await act_on_named(shop.world.database, actor(shop, "manager"), act, [ids[1]])
    browser = await shop.browser()

    def link(page: SeenPage, *parts: str) -> str:
        return next(
            href for href in page.hrefs() if all(urlencode({"q": part})[2:] in href for part in parts)
        )

    page = await browser.opens("/incidents")
    critical = await browser.opens(link(page, 'severity="critical"'))
    assert set(titles(critical)) == {"bad", "worse"}
    assert titles(await browser.opens(link(critical, 'severity="warning"'))) == ["small"]
    assert titles(await browser.opens(link(critical, 'severity="critical"', 'service="of bad"'))) == ["bad"]
    assert "/incidents" in critical.hrefs()
    mine = await browser.opens("/incidents?state=mine")
    assert (titles(mine), "Acknowledged by you" in mine.text) == (["worse"], True)


async def test_all_that_is_found_is_all_that_is_seen(shop: Pages) -> None:
    """A bulk act on a search in one state acts on that state only; own and resolved ones cannot be acted on."""
    ids = {title: await shop.world.post(f"timeout {title}") for title in ("theirs", "free")}
    await shop.world.database.write(lambda tx: actions.acknowledge(tx, actor(shop, "ann"), ids["theirs"]))
    browser = await shop.browser()
    page = await browser.opens("/incidents?q=timeout&state=open")
    posting = next(one for one in page.forms if one.method == "post" and one.action == "/incidents")
    assert "all open incidents" in page.text
    assert "Snoozed 1 incident: " in (await browser.sends(posting, act="snooze", all="yes")).text
    for state in ("mine", "resolved"):
        refused = await browser.sends(posting, act="resolve", all="yes", state=state)
        assert (refused.status, "one by one" in refused.text) == (422, True)


async def test_other_projects_are_not_seen(shop: Pages) -> None:
    """Incidents of other projects are neither listed nor acted on."""
    id_ = await shop.world.post("ours")
    await shop.world.post("theirs", project="other")
    stranger = await shop.browser("stranger")
    page = await stranger.opens("/incidents")
    assert titles(page) == ["theirs"]
    posting = next(one for one in page.forms if one.method == "post" and one.action == "/incidents")
    done = await stranger.sends(posting, act="acknowledge", ids=[id_])
    assert "You have 0 incidents. 1 was left" in done.text


async def test_a_long_list_goes_on(shop: Pages) -> None:
    """The list has pages of fifty without repetition, and a later page stays itself after a refresh."""
    for n in range(60):
        await shop.world.post(f"broken {n}")
    browser = await shop.browser()
    first = await browser.opens("/incidents")
    assert "<title>(50+) Incidents" in first.answer.text
    (more,) = [href for href in first.hrefs() if "cursor=" in href]
    second = await browser.opens(more)
    assert sorted(titles(first) + titles(second)) == sorted(f"broken {n}" for n in range(60))
    (again,) = [attributes["hx-get"] or "" for _, attributes in second.tags if "hx-get" in attributes]
    assert titles(await browser.opens(again)) == titles(second)


async def test_a_storm_is_a_few_rows_and_the_way_to_all(shop: Pages) -> None:
    """A storm is a few rows with exact counts.

    Other services stay visible, and all can be acknowledged after a question.
    """
    world = shop.world
    await world.post("of another", service="search", severity="critical")
    name = 'shop "eu"'
    await world.post_all([world.event(f"cause {n}", service=name, severity="critical") for n in range(60)])
    browser = await shop.browser()
    page = await browser.opens("/incidents?sort=newest")
    assert [title.partition(" ")[0] for title in titles(page)] == [*["cause"] * 5, "of"]
    assert f"55 more of {name}" in page.text
    assert ("<title>(61) Incidents" in page.answer.text, "60 critical" in page.text) == (True, True)
    assert "Acknowledge all 60" in page.text
    everything = next(href for href in page.hrefs() if "eu" in href)
    assert len(titles(await browser.opens(everything))) == 50
    posting = next(one for one in page.forms if one.method == "post" and one.action == "/incidents")
    sure = await browser.sends(posting, every=name)
    assert f"Acknowledge all 60 open incidents of {name}?" in sure.text
    done = await browser.sends(sure.form("/incidents"))
    assert ("You have 60 incidents: " in done.text, done.answer.url.params["sort"]) == (True, "newest")
    assert titles(done)[0] == "of another"


async def test_what_is_acknowledged_stands_below_all_that_is_open(shop: Pages) -> None:
    """Acknowledged incidents are below all open ones, whatever their severity and number."""
    world = shop.world
    taken = await world.post_all([world.event(f"taken {n}", severity="critical") for n in range(55)])
    await act_on_named(world.database, actor(shop, "ann"), AcknowledgeAction(), taken)
    await world.post("small", severity="info")
    browser = await shop.browser()
    page = await browser.opens("/incidents")
    assert titles(page)[0] == "small"
    assert len(titles(page)) == 50
    (more,) = [href for href in page.hrefs() if "cursor=" in href]
    assert len(titles(await browser.opens(more))) == 6
    await world.post_all([world.event(f"open {n}", service=f"of {n}") for n in range(60)])
    page = await browser.opens("/incidents")
    assert not any(title.startswith("taken") for title in titles(page))
    assert "/incidents?state=acknowledged" in page.hrefs()
    (more,) = [href for href in page.hrefs() if "cursor=" in href]
    assert [title.partition(" ")[0] for title in titles(await browser.opens(more))].count("taken") == 39
