"""The pages of deliveries and dead letters, without scripts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from notifier.domain.delivery import Outcome
from notifier.oncall import dead_letters
from tests.web.conftest import Pages

pytestmark = pytest.mark.anyio

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


async def test_a_delivery_shows_each_attempt_and_what_it_carried(shop: Pages) -> None:
    """The page shows each attempt.

    A dead delivery is sent again once, and a second press is refused with the reason.
    """
    (id_, *_) = await shop.world.mark_dead(HOSTILE)
    ann = await shop.browser()
    listed = await ann.opens("/deliveries?state=dead&channel=mail")
    assert f"/deliveries/{id_}" in listed.hrefs()
    page = await ann.opens(f"/deliveries/{id_}")
    assert "not allowed" in page.text
    assert "a rule of this service forbids the address" in page.text
    assert page.text.count(HOSTILE) >= 2
    assert ("script", {}) not in page.tags
    again = await ann.sends(page.form("/redeliver"))
    assert "It is being sent again." in again.text
    assert "pending" in again.text
    assert "manager had it sent again" in again.text
    late = await ann.sends(page.form("/redeliver"))
    assert late.status == 409
    assert "Only a dead delivery is redelivered" in late.text


async def test_who_only_reads_sees_no_act_but_what_it_takes(shop: Pages) -> None:
    """Without `manage` there are no buttons for deliveries and dead letters, and a forged form is refused."""
    (id_, *_) = await shop.world.mark_dead()
    reader, ann = await shop.browser("reader"), await shop.browser()
    for path in (f"/deliveries/{id_}", "/dead-letters"):
        page = await reader.opens(path)
        buttons = [button for form in page.forms for button in form.buttons]
        assert not [button for button in buttons if button.startswith(("Redeliver", "Discard"))]
        assert "manage" in page.text
    form = (await ann.opens(f"/deliveries/{id_}")).form("/redeliver")
    assert (await reader.posts(form)).status_code == 403
    own = (await reader.opens("/incidents")).form("/sign-out").fields
    assert (await reader.posts(form, dict(own))).status_code == 403


async def test_a_question_that_makes_no_sense_is_answered(shop: Pages) -> None:
    """An invalid filter is answered with a sentence that does not repeat it."""
    ann = await shop.browser()
    shared = {"cursor=nonsense": 422, "channel=%00%EF%BF%BD": 200, f"channel={'x' * 300}": 422}
    for path, own in (("/deliveries", "state=nonsense"), ("/dead-letters", "outcome=nonsense")):
        for query, status in {own: 422, **shared}.items():
            page = await ann.opens(f"{path}?{query}")
            assert page.status == status, query
            assert "nonsense" not in page.text
    for id_ in ("nobody", "%00", "x" * 500, "%F0%9F%98%80"):
        assert (await ann.opens(f"/deliveries/{id_}")).status == 404


async def test_another_projects_delivery_is_unknown(shop: Pages) -> None:
    """A delivery of another project is answered like one that does not exist."""
    (id_, *_) = await shop.world.mark_dead()
    stranger = await shop.browser("stranger")
    assert (await stranger.opens(f"/deliveries/{id_}")).status == 404
    assert (await stranger.opens("/dead-letters")).text.count("No dead letters") == 1


async def test_a_heap_is_decided_about_once_a_person_is_sure(shop: Pages) -> None:
    """Dead letters of one channel and reason are decided together after a confirmation with their number."""
    await shop.world.mark_dead("one")
    await shop.world.post("two", severity="critical")
    await shop.world.alert()
    for job in await shop.world.claim():
        await shop.world.fail(job, Outcome.GONE if job.channel == "hook" else Outcome.BLOCKED, "no")
    ann = await shop.browser()
    page = await ann.opens("/dead-letters")
    heap = next(
        form for form in page.forms if ("channel", "mail") in form.fields and "discard" in form.action
    )
    question = await ann.sends(heap)
    assert "Discard 4 dead letters for good?" in question.text
    assert (await dead_letters.count(shop.world.database, project="shop")).deliveries[0].count == 4
    done = await ann.sends(question.form("/discard"))
    assert "4 dead letters discarded." in done.text
    (left,) = (await dead_letters.count(shop.world.database, project="shop")).deliveries
    assert (left.channel, left.count) == ("hook", 1)


async def test_chosen_dead_letters_are_sent_again_and_the_others_named(shop: Pages) -> None:
    """A run that cannot be replayed is skipped with the reason; choosing none gives a sentence."""
    first, second = await shop.world.mark_dead()
    await shop.world.ran(
        {"id": HOSTILE, "state": "failed", "letter": "waiting", "finished_at": shop.world.clock.now()}
    )
    ann = await shop.browser()
    page = await ann.opens("/dead-letters")
    form = next(form for form in page.forms if "Redeliver the chosen" in form.buttons)
    nothing = await ann.sends(form)
    assert (nothing.status, "Choose at least one" in nothing.text, "One by one" in nothing.text) == (
        422,
        True,
        True,
    )
    question = await ann.sends(form, id=[first, HOSTILE])
    assert "Send 2 dead letters again?" in question.text
    done = await ann.sends(question.form("/redeliver"))
    assert "1 dead letter sent again, and 1 other left alone." in done.text
    assert HOSTILE in done.text
    assert second in [href.rpartition("/")[2] for href in (await ann.opens("/dead-letters")).hrefs()]
    alone = await ann.sends(form, id=second)
    assert "1 dead letter sent again." in alone.text


async def test_the_list_stays_as_it_was_chosen(shop: Pages) -> None:
    """The filter by channel is kept after an act, a refusal and a cancelled confirmation."""
    first, second = await shop.world.mark_dead()
    ann = await shop.browser()
    page = await ann.opens("/dead-letters?channel=mail")
    form = next(form for form in page.forms if "Redeliver the chosen" in form.buttons)
    form = replace(form, action="/dead-letters/redeliver?channel=mail")
    assert "Only some are shown" in (await ann.sends(form)).text
    question = await ann.sends(form, id=[first, second])
    assert "/dead-letters?channel=mail" in question.hrefs()
    await ann.sends(question.form("/redeliver?channel=mail"), id=[first])
    assert "No dead letter is like this" in (await ann.sends(form, id=second)).text


async def test_an_address_that_cannot_be_read_is_refused_before_anything_is_done(shop: Pages) -> None:
    """An invalid address is refused before the act, because a person would repeat an act reported as refused."""
    first, _ = await shop.world.mark_dead()
    ann = await shop.browser()
    form = next(
        form for form in (await ann.opens("/dead-letters")).forms if "Redeliver the chosen" in form.buttons
    )
    for act in ("redeliver", "discard"):
        refused = await ann.sends(
            replace(form, action=f"/dead-letters/{act}?outcome=nonsense"), id=first, sure="yes"
        )
        assert refused.status == 422
    assert first in [href.rpartition("/")[2] for href in (await ann.opens("/dead-letters")).hrefs()]
