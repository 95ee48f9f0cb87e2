"""`/incidents/{number}`: an incident, its texts to copy, and a silence for incidents like it.

Links in messages contain the id beside the number. The id wins: in a restored database, another incident may have the
number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from notifier.domain.incident import Incident
from notifier.domain.time import parse_rfc3339
from notifier.ingest.batch import Malformed
from notifier.ingest.grouping import Grouping, grouping
from notifier.ingest.scrub import scrub_matchers
from notifier.oncall import incidents, silences
from notifier.oncall.errors import OncallError
from notifier.oncall.incident_details import IncidentDetails, details
from notifier.web.errors import status_and_sentence
from notifier.web.forms import Form
from notifier.web.views.copy import copy_view
from notifier.web.views.incident import IncidentView, incident_view
from notifier.web.views.incident_silence import incident_silence_view, matchers_of
from notifier.web.visit import Redirect, Shown, Visit
from notifier.wording.times import clock

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


async def show_incident(request: Visit) -> Shown | Redirect:
    """The incident with the chosen sample, or the newest."""
    found = await _details(request)
    if request.path["number"] != str(found.incident.number):
        return to_incident(found.incident)
    return Shown(template="incident", view=_view(request, found))


async def show_refusal(request: Visit, error: OncallError) -> Shown:
    """The current incident, with the reason why an act was refused and the text that was entered."""
    status, sentence = status_and_sentence(error) or (409, str(error))
    # The API's times in a form for people.
    sentence = _MOMENT.sub(lambda found: clock(parse_rfc3339(found[0]), near=request.now), sentence)
    view = _view(request, await _details(request), problem=sentence, note=request.form.get("text"))
    return Shown(template="incident", view=view, status=status)


async def copy_incident(request: Visit) -> Shown:
    """The incident with the chosen sample, as texts to copy."""
    found = await _details(request)
    server = request.service.settings.server
    base = server.url or f"http://{server.host}:{server.port}"
    return Shown(template="copy", view=copy_view(found.incident, base.rstrip("/")))


async def ask_silence(request: Visit) -> Shown:
    """The form for a silence of incidents like this one, with its preview."""
    incident = await named_incident(request)
    return await _silence_form(request, incident, matchers_of(incident, request.query.all("label")))


async def preview_silence(request: Visit, incident: Incident) -> Shown:
    """The form as sent, with its preview."""
    return await _silence_form(request, incident, _own(incident, chosen_matchers(request.form)))


async def ask_silence_again(request: Visit, incident: Incident, error: OncallError) -> Shown:
    """The form as sent, with the reason why no silence was made."""
    status, sentence = status_and_sentence(error) or (422, str(error))
    chosen = _own(incident, chosen_matchers(request.form))
    return await _silence_form(request, incident, chosen, status=status, problem=sentence)


def _own(incident: Incident, matchers: Sequence[str]) -> Sequence[str]:
    """The matchers in `matchers` that the form offers."""
    return [each for each in matchers if each in matchers_of(incident, incident.labels)]


def chosen_matchers(form: Form) -> list[str]:
    """The matchers that are ticked in a form."""
    return [scrub_matchers(matcher) for matcher in form.all("matcher")]


async def _silence_form(
    request: Visit,
    incident: Incident,
    matchers: Sequence[str],
    *,
    status: int = 200,
    problem: str | None = None,
) -> Shown:
    preview = None
    if matchers:
        preview = await silences.preview(
            request.service.database, project=incident.project, matchers=matchers, url=None
        )
    view = incident_silence_view(
        incident, matchers, preview, comment=request.form.get("comment"), problem=problem
    )
    return Shown(template="incident_silence", view=view, status=status if matchers else 422)


async def named_incident(request: Visit) -> Incident:
    """The incident of the address or the form; `Unknown` is raised if there is none."""
    return await incidents.get(
        request.service.database, _name(request), project_scope=request.project_scope, url=None
    )


def to_incident(incident: Incident, *, notice: str | None = None) -> Redirect:
    """A redirect to the incident's page."""
    return Redirect(path=f"/incidents/{incident.number}", query={"id": incident.id}, notice=notice)


def _view(
    request: Visit, found: IncidentDetails, *, problem: str | None = None, note: str = ""
) -> IncidentView:
    routes = request.service.rules
    return incident_view(
        found,
        _grouping(found.incident),
        tuple(
            (membership.group_id, routes.route(membership.route).name)
            for membership in found.history.memberships
        ),
        viewer=request.session.caller.name,
        whole=request.query.get("history") == "all",
        problem=problem,
        note=note,
    )


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
    """How the shown sample is grouped; None without a sample, or if it cannot be decoded any more."""
    if incident.latest_event is None:
        return None
    try:
        read = grouping(json.dumps(incident.latest_event).encode(), None)
    except Malformed:
        return None
    return read if isinstance(read, Grouping) else None
