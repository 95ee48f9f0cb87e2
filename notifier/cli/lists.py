"""Commands that show what the service holds, and act on it: incidents, deliveries, dead letters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from notifier.cli import actions
from notifier.cli.options import Arguments, Run, Subparsers, command, family, paged, query, segment
from notifier.cli.service import connect
from notifier.cli.session import Exit, Failure, Session
from notifier.cli.words import as_json, details, table
from notifier.domain.delivery import DeliveryState
from notifier.domain.incident import State

INCIDENT_COLUMNS = ("number", "id", "state", "severity", "count", "last_seen", "title")
DELIVERY_COLUMNS = ("id", "state", "channel", "target", "reason", "attempts", "created_at", "detail")
DEAD_LETTER_COLUMNS = ("id", "kind", "channel", "target", "task", "reason", "at", "detail")
FILTERS = ("state", "channel", "kind", "q", "limit", "cursor")


def add(commands: Subparsers) -> None:
    _add_incidents(family(commands, "incidents", "show incidents, and act on them"))
    _add_deliveries(family(commands, "deliveries", "show deliveries, or send one again"))
    _add_dead_letters(
        family(
            commands,
            "dead-letters",
            "show deliveries that died and task runs that failed, and decide about them",
        )
    )


def _add_incidents(commands: Subparsers) -> None:
    parser = command(
        commands, "list", listing("/v1/incidents", INCIDENT_COLUMNS), "list incidents, newest first"
    )
    parser.add_argument("--state", choices=[one.value for one in State], help="only these")
    parser.add_argument(
        "--query", dest="q", metavar="TEXT", help="matchers and words: 'service=\"billing\" timeout'"
    )
    paged(parser)
    parser = command(commands, "show", showing("/v1/incidents"), "show one incident")
    parser.add_argument("id", metavar="ID")
    actions.add(commands)


def _add_deliveries(commands: Subparsers) -> None:
    parser = command(
        commands, "list", listing("/v1/deliveries", DELIVERY_COLUMNS), "list deliveries, newest first"
    )
    parser.add_argument("--state", choices=[one.value for one in DeliveryState], help="only these")
    parser.add_argument("--channel", metavar="NAME", help="only of this channel")
    paged(parser)
    parser = command(commands, "show", showing("/v1/deliveries"), "show one delivery with its attempts")
    parser.add_argument("id", metavar="ID")
    parser = command(commands, "redeliver", redeliver, "send one delivery again, under its id")
    parser.add_argument("id", metavar="ID")


def _add_dead_letters(commands: Subparsers) -> None:
    parser = command(
        commands,
        "list",
        listing("/v1/dead-letters", DEAD_LETTER_COLUMNS, letter),
        "list dead letters, newest first",
    )
    parser.add_argument("--kind", choices=["delivery", "task_run"], help="only these")
    parser.add_argument("--channel", metavar="NAME", help="only deliveries of this channel")
    paged(parser)
    for name, summary in (
        ("redeliver", "send dead deliveries again, and ask for dead task runs again"),
        ("discard", "give dead letters up"),
    ):
        parser = command(commands, name, deciding(name), summary)
        parser.add_argument("ids", nargs="*", metavar="ID")
        parser.add_argument("--channel", metavar="NAME", help="all of this channel, instead of ids")
        parser.add_argument("--task", metavar="NAME", help="all runs of this task, instead of ids")


def listing(
    path: str, columns: Sequence[str], row: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
) -> Run:
    """A command that shows one page of a list; `row` makes of an item what a table shows of it."""

    def run(arguments: Arguments, session: Session) -> Exit:
        with connect(session, arguments.config) as service:
            page = service.page(path, query(arguments, FILTERS))
        shown = page if arguments.json else {**page, "items": [row(item) for item in page["items"]]}
        show_page(shown, columns, arguments, session)
        return Exit.OK

    return run


def letter(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """A dead letter in the columns of both kinds: a run's reason is its state, its detail what it failed with."""
    if item.get("kind") != "task_run":
        return item
    error = item.get("error") or {}
    said = [str(error[name]) for name in ("type", "message") if error.get(name)]
    return {**item, "reason": item.get("state"), "detail": ": ".join(said) or None}


def showing(path: str) -> Run:
    def run(arguments: Arguments, session: Session) -> Exit:
        with connect(session, arguments.config) as service:
            show(service.get(f"{path}/{segment(arguments.id)}"), arguments, session)
        return Exit.OK

    return run


def redeliver(arguments: Arguments, session: Session) -> Exit:
    with connect(session, arguments.config) as service:
        show(service.post(f"/v1/deliveries/{segment(arguments.id)}/redeliver"), arguments, session)
    return Exit.OK


def deciding(action: str) -> Run:
    def run(arguments: Arguments, session: Session) -> Exit:
        given = {name: getattr(arguments, name) for name in ("ids", "channel", "task")}
        chosen = {name: value for name, value in given.items() if value}
        if len(chosen) != 1:
            raise Failure(
                Exit.USAGE,
                "name the dead letters by their ids, or all of a channel (--channel NAME) or a task (--task NAME).",
            )
        with connect(session, arguments.config) as service:
            show(service.post(f"/v1/dead-letters/{action}", chosen), arguments, session)
        return Exit.OK

    return run


def show(document: Any, arguments: Arguments, session: Session) -> None:
    """One answer: as the service gave it, or as fields."""
    if arguments.json:
        session.put(as_json(document))
    elif isinstance(document, Mapping):
        session.put(details(document))


def show_page(page: Any, columns: Sequence[str], arguments: Arguments, session: Session) -> None:
    """One page of a list; how to get the next one is talk."""
    if arguments.json:
        session.put(as_json(page))
        return
    if page["items"]:
        session.put(table(page["items"], columns))
    else:
        session.say("none.")
    if page.get("next_cursor"):
        session.say(f"there are more: --cursor {page['next_cursor']}")
