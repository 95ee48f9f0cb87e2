"""`/setup`: what a new service needs for its first event: snippets, a key, and a test event."""

from __future__ import annotations

from notifier.domain.event import Rejection
from notifier.domain.incident import Incident
from notifier.ingest.acceptance import AcceptanceResult
from notifier.ingest.scrub import clean_text
from notifier.oncall import incidents, keys
from notifier.oncall.errors import Unknown, Unreadable
from notifier.oncall.paging import PageRequest as ListRequest
from notifier.web.errors import PageError
from notifier.web.views.setup import setup_view
from notifier.web.visit import Redirect, Shown, Visit, base_path

NAME_CHARS = 100
_TEST_EVENT = {
    "service": "notifier-test",
    "fingerprint": ["notifier-test-event"],
    "exception": {
        "type": "TestEvent",
        "module": "notifier",
        "message": "sent by the button of the page /setup: nothing is broken",
        "frames": [
            {"file": "shop/api.py", "function": "checkout", "line": 41, "code": "pay(order)", "in_app": True},
            {
                "file": "shop/payments.py",
                "function": "pay",
                "line": 88,
                "code": "gateway.charge(order.total)",
                "in_app": True,
            },
        ],
    },
    "links": [{"title": "runbook", "url": "https://example.com/runbook"}],
}


async def show_setup(visit: Visit) -> Shown:
    """The snippets, and the latest incident."""
    return await _shown(visit, key=None)


async def make_key(visit: Visit) -> Shown:
    """A new key with the scope `ingest`, shown once: the answer is the only place where it appears."""
    name = clean_text(visit.form.get("name").strip() or "application")
    if len(name) > NAME_CHARS:
        raise Unreadable("name", f"a name has at most {NAME_CHARS} characters")
    _, secret = await keys.create(
        visit.service.database, visit.actor(), project=visit.project, name=name, scopes=["ingest"]
    )
    return await _shown(visit, key=secret)


async def send_test_event(visit: Visit) -> Redirect:
    """Post an event as an application does, with the same limits and notifications."""
    event = {**_TEST_EVENT, "id": visit.service.new_id()}
    taken = await visit.service.acceptance.take(visit.session.caller, [event], visit.now)
    if not isinstance(taken, AcceptanceResult):
        raise PageError(503, "The event was not taken just now: press the button again in a moment.")
    result = taken.results[0]
    if isinstance(result, Rejection):
        raise PageError(422, f"The event was not taken: {result.message}.")
    return Redirect(path="/setup", query={"sent": result.incident_id}, notice="test_sent")


async def _shown(visit: Visit, *, key: str | None) -> Shown:
    sent = visit.query.get("sent")[:64] or None
    view = setup_view(
        origin=visit.origin,
        base=base_path(visit.service),
        key=key,
        received=await _received(visit, sent),
        sent=sent,
        now=visit.now,
    )
    return Shown(template="setup", view=view)


async def _received(visit: Visit, sent: str | None) -> Incident | None:
    """The incident of the test event, else the unresolved incident with the latest event."""
    database = visit.service.database
    if sent is not None:
        try:
            return await incidents.get(database, sent, project_scope=visit.project_scope, url=None)
        except Unknown:
            pass
    found = await incidents.find(
        database,
        project=visit.project,
        state="unresolved",
        q=None,
        sort="last_seen",
        page_request=ListRequest(limit=1),
        url=None,
    )
    return found.items[0] if found.items else None
