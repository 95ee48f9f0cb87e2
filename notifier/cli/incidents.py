"""`notifier incidents list` and `show`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from notifier.cli import actions, traceback, watch
from notifier.cli.explain import history
from notifier.cli.incident_query import add_filters, filters
from notifier.cli.incident_rows import count, rows, where
from notifier.cli.options import Arguments, Subparsers, command, paged, segment, wide
from notifier.cli.screen import BOLD, DIM, Screen
from notifier.cli.service import connect
from notifier.cli.session import CommandSession, Exit
from notifier.cli.text import as_json, cell, visible
from notifier.domain.labels import RESERVED_LABELS

PATH = "/v1/incidents"
SORTS = ("newest", "severity", "count", "last_seen")
HISTORY_AT_MOST = 12
CONTEXT_CHARS = 2_000

LIST_EPILOG = """\
  notifier incidents list
  notifier incidents list service=billing severity=~'critical|error' timeout
  notifier incidents list --state all --sort count --limit 20

A plain word is searched for in the title; all terms must match. Without --state, resolved incidents are left out."""

Row = Mapping[str, Any]


def add(commands: Subparsers) -> None:
    """Add the commands to the family `incidents`."""
    parser = command(commands, "list", list_incidents, "list incidents that are not resolved, newest first")
    parser.epilog = LIST_EPILOG
    add_filters(parser)
    parser.add_argument("--sort", choices=SORTS, help="the order (default: newest)")
    wide(parser)
    paged(parser)
    parser = command(
        commands, "show", show_incident, "show one incident: its error, labels, links and history"
    )
    parser.add_argument("id", metavar="ID", help="its number, its id, or the last six characters of it")
    watch.add(commands)
    actions.add(commands)


def list_incidents(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        page = service.page(PATH, filters(arguments))
    if arguments.json:
        session.put(as_json(page))
        return Exit.OK
    if page["items"]:
        session.put("\n".join(rows(page["items"], session.screen(), wide=arguments.wide)))
    else:
        session.say(
            "none." if arguments.state or arguments.terms or arguments.q else "none: nothing is open."
        )
    if page.get("next_cursor"):
        session.say(f"there are more: --cursor {page['next_cursor']}")
    return Exit.OK


def show_incident(arguments: Arguments, session: CommandSession) -> Exit:
    path = f"{PATH}/{segment(arguments.id)}"
    with connect(session, arguments.config) as service:
        incident = service.get(path)
        timeline = {"items": []} if arguments.json else service.page(f"{path}/timeline")
    if arguments.json:
        session.put(as_json(incident))
    else:
        screen = session.screen()
        session.put("\n".join(_shown(incident, timeline["items"], screen)))
    return Exit.OK


def _shown(incident: Row, timeline: Sequence[Row], screen: Screen) -> Iterator[str]:
    event = incident.get("latest_event") or {}
    yield from _head(incident, screen)
    yield from _links(event, screen)
    yield from _error(incident, event, screen)
    yield from _fields("Labels", _own_labels(incident, event), screen)
    yield from _fields("Context", event.get("context") or {}, screen)
    yield from _fields("Last event", _facts(incident, event), screen)
    if timeline:
        yield from ("", screen.style("History", BOLD))
        left = len(timeline) - HISTORY_AT_MOST
        if left > 0:
            yield f"  {left:,} earlier: notifier explain {cell(incident.get('number'))}"
        yield from (f"  {line}" for line in history(timeline[-HISTORY_AT_MOST:], screen, indent=2))
    yield ""
    yield from _foot(incident, screen)


def _head(incident: Row, screen: Screen) -> Iterator[str]:
    state = cell(incident.get("state"))
    if incident.get("acknowledged_by") and incident.get("state") == "acknowledged":
        state += f" by {cell(incident['acknowledged_by'])}"
    number = screen.style(f"Incident {cell(incident.get('number'))}", BOLD)
    yield f"{number}  {screen.severity(incident.get('severity'))}  {state}"
    yield from (screen.style(line, BOLD) for line in screen.wrap(cell(incident.get("title"))))
    events = "1 event" if incident.get("count") == 1 else f"{count(incident)} events"
    yield f"{where(incident)}: {events}"
    yield f"since {screen.when(incident.get('first_seen'))}, last {screen.ago(incident.get('last_seen'))}"
    if incident.get("resolved_at"):
        yield f"resolved {screen.when(incident['resolved_at'])}"


def _links(event: Row, screen: Screen) -> Iterator[str]:
    links = [link for link in event.get("links") or () if isinstance(link, Mapping) and link.get("url")]
    if links:
        source = f" (from the earlier event {cell(event['links_from'])})" if event.get("links_from") else ""
        yield from ("", screen.style("Links", BOLD) + source)
    width = max((len(cell(link.get("title") or "link")) for link in links), default=0)
    for link in links:
        yield f"  {cell(link.get('title') or 'link').ljust(width)}  {cell(link['url'])}"


def _error(incident: Row, event: Row, screen: Screen) -> Iterator[str]:
    """The exception in Python's form, and the message if it differs."""
    exception = event.get("exception")
    message = event.get("message")
    if isinstance(exception, Mapping):
        yield ""
        yield from traceback.lines(exception)
    said = str(message or "").strip()
    if said and said not in {str(incident.get("title")), _message(exception)}:
        yield from ("", screen.style("Message", BOLD))
        for line in said.splitlines():
            yield from (f"  {part}" for part in screen.wrap(visible(line)))


def _message(exception: object) -> str:
    return str(exception.get("message") or "").strip() if isinstance(exception, Mapping) else ""


def _own_labels(incident: Row, event: Row) -> dict[str, Any]:
    """The sender's labels; those that vary between events have the last event's value."""
    latest = event.get("labels") or {}
    labels = dict(incident.get("labels") or {})
    labels |= {name: f"{cell(latest.get(name))} (last, it varies)" for name in incident.get("varying") or ()}
    return {name: value for name, value in labels.items() if name not in RESERVED_LABELS}


def _facts(incident: Row, event: Row) -> dict[str, Any]:
    """Other facts of the last event, marked if they differ between events."""
    task = event.get("task") or {}
    facts = {name: event.get(name) for name in ("release", "host", "trace_id")}
    if task.get("name"):
        attempt = f", attempt {cell(task['attempt'])}" if task.get("attempt") else ""
        of = f" of {cell(task['max_attempts'])}" if attempt and task.get("max_attempts") else ""
        facts["task"] = f"{cell(task['name'])}{attempt}{of}"
    varying = set(incident.get("varying") or ())
    return {
        name: f"{cell(value)} (last, it varies)" if name in varying else value
        for name, value in facts.items()
        if value
    }


def _fields(title: str, fields: Mapping[str, Any], screen: Screen) -> Iterator[str]:
    if not fields:
        return
    yield from ("", screen.style(title, BOLD))
    width = min(max(len(visible(str(name))) for name in fields), 30)
    for name, value in fields.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        line = f"  {visible(str(name)).ljust(width)}  {cell(text)[:CONTEXT_CHARS]}"
        yield from screen.wrap(line, " " * (width + 4))


def _foot(incident: Row, screen: Screen) -> Iterator[str]:
    number = cell(incident.get("number"))
    if incident.get("url"):
        yield cell(incident["url"])
    yield screen.style(f"id {cell(incident.get('id'))}, fingerprint {cell(incident.get('fingerprint'))}", DIM)
    acts = {
        "open": f"notifier ack {number}",
        "acknowledged": f"notifier incidents resolve {number}",
        "resolved": f"notifier incidents reopen {number}",
    }
    act = acts.get(str(incident.get("state")))
    if act:
        yield screen.style(f"next: {act}, notifier explain {number}", DIM)
