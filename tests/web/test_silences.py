"""Creating, previewing, changing, ending and copying silences, without scripts."""

from __future__ import annotations

import pytest

from notifier.domain.silence import Silence
from notifier.domain.time import HOUR, rfc3339
from notifier.oncall import silences
from notifier.oncall.paging import PageRequest
from tests.browser import SeenPage
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"

UNSOUND: tuple[tuple[dict[str, str], str], ...] = (
    ({"matchers": 'service="a"\nnonsense', "comment": "x"}, "Matcher 2: no operator follows"),
    ({"matchers": "", "comment": "x"}, "1 to 50 matchers"),
    ({"matchers": 'service="a"', "comment": ""}, "write a comment"),
    ({"matchers": 'service="a"', "comment": "x" * 2_001}, "at most 2,000"),
    ({"matchers": 'service="a"', "comment": "x", "length": "soon"}, "45m, 4h or 7d"),
    ({"matchers": 'service="a"', "comment": "x", "length": "9" * 400 + "d"}, "45m, 4h or 7d"),
    ({"matchers": 'service="a"', "comment": "x", "length": ""}, "a silence ends"),
    ({"matchers": 'service="a"', "comment": "x", "ends_at": "tomorrow"}, "RFC 3339"),
    ({"matchers": 'service="a"', "comment": "x", "ends_at": "2020-01-01T00:00:00Z"}, "ends"),
    ({"matchers": 'service="a"', "comment": "x", "times": "noon"}, "22:00-06:00"),
    ({"matchers": 'service="a"', "comment": "x", "times": "25:00-26:00", "length": ""}, "time of day"),
    (
        {"matchers": 'service="a"', "comment": "x", "weekdays": "someday", "length": ""},
        "a weekday such as",
    ),
    ({"matchers": 'service="a"', "comment": "x", "weekdays": "sunday"}, "leave the length empty"),
    ({"matchers": 'service=~".*"', "comment": "x"}, "everything of the project"),
    ({"matchers": 'service=~"(((("', "comment": "x"}, "does not compile"),
    ({"matchers": "a" * 5_000 + '="b"', "comment": "x"}, "at most 4096"),
)


async def all_of(shop: Pages) -> list[Silence]:
    found = await silences.find(shop.world.database, project="shop", state=None, page_request=PageRequest())
    return [status.silence for status in found.items]


async def test_a_silence_is_tried_out_and_then_made(shop: Pages) -> None:
    """The preview shows the matches and silences nothing; the list shows author and end."""
    await shop.world.post("broken")
    ann = await shop.browser()
    page = await ann.opens("/silences/new")
    form = page.form("/silences")
    tried = await ann.sends(form, matchers='service="billing"', comment=HOSTILE, preview="yes")
    assert "Now it would hold 1 incident of 1 that are not resolved." in tried.text
    assert await all_of(shop) == []
    made = await ann.sends(form, matchers='service="billing"\r\n\r\nseverity!="info"', comment=HOSTILE)
    assert "Silenced." in made.text
    (silence,) = await all_of(shop)
    assert (len(silence.matchers), silence.author) == (2, "manager")
    assert silence.ends_at == shop.world.clock.now() + 4 * HOUR
    assert HOSTILE in made.text
    assert ("script", {}) not in made.tags


async def test_a_preview_as_it_is_written_takes_the_place_of_the_one_before(shop: Pages) -> None:
    """The preview's answer replaces its part of the page, also for invalid matchers."""
    ann = await shop.browser()
    page = await ann.opens("/silences/new")
    (field,) = [attributes for _, attributes in page.tags if "hx-post" in attributes]
    assert (field["hx-post"], field["hx-select"]) == ("/silences", "[data-result]")
    for matchers, words in (("nonsense", "No operator follows"), ('service="a"', "Now it would hold 0")):
        answer = await ann.sends(page.form("/silences"), matchers=matchers, preview="yes")
        (result,) = [attributes for _, attributes in answer.tags if "data-result" in attributes]
        assert "hidden" not in result
        assert words in answer.text
    refused = await ann.opens("/silences/new?matchers=nonsense")
    assert (refused.status, "No operator follows" in refused.text) == (422, True)


async def test_what_makes_no_silence_stays_in_the_form(shop: Pages) -> None:
    """Invalid input keeps the form as entered, with a sentence."""
    ann = await shop.browser()
    form = (await ann.opens("/silences/new")).form("/silences")
    for fields, sentence in UNSOUND:
        page = await ann.sends(form, **fields)
        assert page.status == 422, sentence
        assert sentence.lower() in page.text.lower()
        assert fields["matchers"].strip() in page.text
    assert await all_of(shop) == []


async def test_everything_is_silenced_only_by_who_says_so_twice(shop: Pages) -> None:
    """Silencing everything is refused first, and the form then offers to confirm it."""
    ann = await shop.browser()
    form = (await ann.opens("/silences/new")).form("/silences")
    refused = await ann.sends(form, matchers='service!="nobody"', comment="storm")
    assert ("input", "force") in [(tag, fields.get("name")) for tag, fields in refused.tags]
    await ann.sends(form, matchers='service!="nobody"', comment="storm", force="yes")
    assert len(await all_of(shop)) == 1


async def test_weekly_hours_are_kept_through_changes_and_used_again(shop: Pages) -> None:
    """Weekly hours with days and months survive changing, ending and copying the silence."""
    ann = await shop.browser()
    await ann.sends(
        (await ann.opens("/silences/new")).form("/silences"),
        matchers='service="billing"',
        comment="nightly",
        length="",
        weekdays="monday:friday",
        days_of_month="1:5",
        months="november:december",
        times="22:00-06:00, 12:00-13:00",
        location="Europe/Berlin",
    )
    (made,) = await all_of(shop)
    assert made.ends_at is None
    form = (await ann.opens(f"/silences/{made.id}")).form(f"/silences/{made.id}")
    changed = await ann.sends(form, matchers='service="billing"', comment="nightly batch")
    assert "The silence was changed" in changed.text
    (after,) = await all_of(shop)
    assert (after.recur, after.comment) == (made.recur, "nightly batch")
    assert "manager changed it: service=" in (await ann.opens(f"/silences/{made.id}")).text
    ended = await ann.sends(changed.form("/end"))
    assert "Ended:" in ended.text
    expired = await ann.opens("/silences?state=expired")
    again = await ann.opens(next(href for href in expired.hrefs() if "like=" in href))
    await ann.sends(again.form("/silences"), matchers='service="billing"', comment="nightly batch")
    newest = (await all_of(shop))[0]
    assert (newest.recur, newest.ends_at, newest.id != made.id) == (made.recur, None, True)


async def test_an_end_is_moved_and_what_is_over_stays(shop: Pages) -> None:
    """An end can be moved; an expired silence cannot be changed."""
    ann = await shop.browser()
    new = (await ann.opens("/silences/new")).form("/silences")
    await ann.sends(new, matchers='service="billing"', comment="deploy", length="1h")
    (made,) = await all_of(shop)
    form = (await ann.opens(f"/silences/{made.id}")).form(f"/silences/{made.id}")
    later = shop.world.clock.now() + 2 * HOUR
    await ann.sends(form, matchers='service="billing"', comment="deploy", ends_at=rfc3339(later))
    assert [silence.ends_at for silence in await all_of(shop)] == [later]
    shop.world.clock.advance(3 * HOUR)
    late = await ann.sends(form, matchers='service="billing"', comment="deploy")
    assert late.status in {409, 422}
    assert "over" in late.text
    shown = await ann.opens(f"/silences/{made.id}")
    assert "what is over stays as it was" in shown.text
    assert "Change it" not in shown.form(f"/silences/{made.id}").buttons


async def test_who_only_reads_may_look(shop: Pages) -> None:
    """Without `manage` there are no buttons and no forms; a silence of another project is a 404."""
    ann, reader = await shop.browser(), await shop.browser("reader")
    new = (await ann.opens("/silences/new")).form("/silences")
    await ann.sends(new, matchers='service="billing"', comment="deploy")
    (made,) = await all_of(shop)
    shown: SeenPage = await reader.opens("/silences")
    assert "deploy" in shown.text
    assert not [form for form in shown.forms if form.action.endswith("/end")]
    token = dict((await reader.opens("/incidents")).form("/sign-out").fields)
    form = (await ann.opens("/silences")).form("/end")
    assert (await reader.posts(form, token)).status_code == 403
    stranger = await shop.browser("stranger")
    assert (await stranger.opens(f"/silences/{made.id}")).status == 404
    assert "deploy" not in (await stranger.opens("/silences")).text


async def test_an_author_from_right_to_left_keeps_the_key_behind_the_name(shop: Pages) -> None:
    """A right-to-left name is isolated in its sentence."""
    ann = await shop.browser()
    form = (await ann.opens("/silences/new")).form("/silences")
    made = await ann.sends(form, matchers='service="billing"', comment="מעבר", author="דנה")
    assert "\u2068דנה\u2069 (key " in made.text
