"""`/sessions`: the people who are signed in, and the end of a session."""

from __future__ import annotations

from notifier.access import sessions
from notifier.oncall.errors import Unknown
from notifier.web.views.sessions import sessions_view
from notifier.web.visit import Redirect, Shown, Visit


async def list_sessions(visit: Visit) -> Shown:
    """The sessions of the reader's key; those of all keys for `admin`."""
    opened = await sessions.listing(visit.service.database, visit.session.caller)
    view = sessions_view(opened, this=visit.session.id, all_keys=visit.may("admin"), now=visit.now)
    return Shown(template="sessions", view=view)


async def end_session(visit: Visit) -> Redirect:
    """End a session, in every tab where it is open."""
    id_ = visit.form.get("id")
    if not await sessions.revoke(visit.service.database, visit.session.caller, id_[:128]):
        raise Unknown("session")
    return Redirect(path="/sessions", query={}, notice="session_ended")
