"""`/incidents/{number}`: one incident; its texts to copy, and a silence for its like.

A link of a message names the id beside the number: the id wins, for in a restored database a number may be another's.
"""

from __future__ import annotations

import json

from notifier.domain.incident import Incident
from notifier.ingest.batch import Malformed
from notifier.ingest.grouping import Grouping, grouping
from notifier.oncall import incidents, silences
from notifier.oncall.incident_details import IncidentDetails, details
from notifier.web.views.copy import copy_view
from notifier.web.views.incident import incident_view
from notifier.web.views.silence_here import matchers_of, silence_here_view
from notifier.web.visit import Redirect, Shown, Visit


async def show_incident(request: Visit) -> Shown | Redirect:
    """The incident with the sample that was chosen, else with the newest."""
    found = await _details(request)
    if request.path["number"] != str(found.incident.number):
        return to_incident(found.incident)
    routes = request.service.rules
    groups = tuple(
        (membership.group_id, routes.route(membership.route).name) for membership in found.history.memberships
    )
    view = incident_view(found, _grouping(found.incident), groups, viewer=request.session.caller.name)
    return Shown(template="incident", view=view)


async def copy_incident(request: Visit) -> Shown:
    """The incident, with the sample that was chosen, as texts to copy."""
    found = await _details(request)
    server = request.service.settings.server
    base = server.url or f"http://{server.host}:{server.port}"
    return Shown(template="copy", view=copy_view(found.incident, base.rstrip("/")))


async def ask_silence(request: Visit) -> Shown:
    """A silence for the like of it, and what it would hold."""
    incident = await named_incident(request)
    names = request.query.all("label")
    preview = await silences.preview(
        request.service.database,
        project=incident.project,
        matchers=matchers_of(incident, names),
        url=None,
    )
    return Shown(template="silence_here", view=silence_here_view(incident, names, preview))


async def named_incident(request: Visit) -> Incident:
    """The incident that the address, or the form, means; `Unknown` where there is none."""
    return await incidents.get(
        request.service.database, _name(request), project_scope=request.project_scope, url=None
    )


def to_incident(incident: Incident, *, notice: str | None = None) -> Redirect:
    """Back to the incident's page."""
    return Redirect(path=f"/incidents/{incident.number}", query={"id": incident.id}, notice=notice)


async def _details(request: Visit) -> IncidentDetails:
    service = request.service
    sample = request.query.get("sample")
    return await details(
        service.database,
        service.rules,
        _name(request),
        project_scope=request.project_scope,
        url=service.settings.server.url,
        sample=int(sample) if sample.isascii() and sample.isdigit() and len(sample) < 19 else None,
    )


def _name(request: Visit) -> str:
    return request.form.get("id") or request.query.get("id") or request.path["number"]


def _grouping(incident: Incident) -> Grouping | None:
    """How the shown sample is grouped; None where there is none, or it cannot be read any more."""
    if incident.latest_event is None:
        return None
    try:
        read = grouping(json.dumps(incident.latest_event).encode(), None)
    except Malformed:
        return None
    return read if isinstance(read, Grouping) else None
