"""Commands that list, show and change what the service stores: incidents, deliveries, dead letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from notifier.cli import incidents
from notifier.cli.actions import add_acknowledge, add_actor
from notifier.cli.clientfile import actor_of
from notifier.cli.options import Arguments, Run, Subparsers, command, family, paged, query, segment, wide
from notifier.cli.screen import RED, YELLOW, Column, Screen
from notifier.cli.service import connect
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.cli.text import UNCUT, as_json, cell, details, field_cell, is_rows, short_ids, table, visible
from notifier.domain.delivery import DeliveryState

Row = Mapping[str, Any]
FILTERS = ("state", "channel", "kind", "task", "service", "limit", "cursor")
BAD = {"dead": RED, "failed": RED, "lost": RED, "disabled": RED, "cooling": YELLOW, "retrying": YELLOW}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The columns of a list, and the cells of an item in them. `all_columns` are those with `--wide`.

    The first column is the end of the item's id.
    """

    columns: Sequence[Column]
    cells: Callable[[Row, Screen], Sequence[str]]
    all_columns: Sequence[str]


DELIVERIES = View(
    columns=(
        Column(name="id"),
        Column(name="state", styles=BAD),
        Column(name="channel", least=8, rank=1),
        Column(name="target", least=10),
        Column(name="reason", rank=2),
        Column(name="tries", right=True, rank=4),
        Column(name="made", right=True, rank=3),
        Column(name="what", least=12),
    ),
    cells=lambda item, screen: (
        cell(item.get("state")),
        cell(item.get("channel")),
        cell(item.get("target")),
        cell(item.get("reason")),
        cell(item.get("attempts")),
        screen.ago(item.get("created_at")),
        _what(item),
    ),
    all_columns=(
        "id", "state", "channel", "target", "reason", "attempts", "created_at", "due_at", "title", "outcome", "detail",
    ),
)  # fmt: skip


def _letter(item: Row, screen: Screen) -> Sequence[str]:
    run = item.get("kind") == "task_run"
    where = item.get("task") if run else f"{cell(item.get('channel'))} {cell(item.get('target'))}"
    return (
        "task run" if run else cell(item.get("kind")),
        cell(where),
        cell(item.get("reason") if run else item.get("outcome") or item.get("reason")),
        screen.ago(item.get("at")),
        cell(item.get("detail")) if run else _what(item),
    )


def _what(item: Row) -> str:
    """The error of a delivery, if there is one, and the title of its incident."""
    parts = [item.get("detail") if item.get("state") != "delivered" else None, item.get("title")]
    return ": ".join(cell(part) for part in parts if part) or "-"


DEAD_LETTERS = View(
    columns=(
        Column(name="id"),
        Column(name="kind", rank=3),
        Column(name="where", least=12),
        Column(name="why", rank=1),
        Column(name="died", right=True, rank=2),
        Column(name="what", least=16),
    ),
    cells=_letter,
    all_columns=("id", "kind", "channel", "target", "task", "reason", "at", "detail"),
)


def add(commands: Subparsers) -> None:
    incidents.add(family(commands, "incidents", "show incidents, and act on them"))
    add_acknowledge(commands, "ack")
    _add_deliveries(family(commands, "deliveries", "show deliveries, or send one again"))
    _add_dead_letters(
        family(
            commands,
            "dead-letters",
            "show failed deliveries and task runs, and decide about them",
        )
    )


def _add_deliveries(commands: Subparsers) -> None:
    parser = command(
        commands, "list", list_page("/v1/deliveries", DELIVERIES), "list deliveries, newest first"
    )
    parser.add_argument("--state", choices=[state.value for state in DeliveryState], help="only these")
    parser.add_argument("--channel", metavar="NAME", help="only of this channel")
    wide(parser)
    paged(parser)
    parser = command(commands, "show", show_one("/v1/deliveries"), "show one delivery with its attempts")
    parser.add_argument("id", metavar="ID")
    parser = command(commands, "redeliver", redeliver, "send one delivery again, under its id")
    parser.add_argument("id", metavar="ID")
    add_actor(parser)


def _add_dead_letters(commands: Subparsers) -> None:
    parser = command(
        commands,
        "list",
        list_page("/v1/dead-letters", DEAD_LETTERS, dead_letter_row),
        "list dead letters, newest first",
    )
    parser.add_argument("--kind", choices=["delivery", "task_run"], help="only these")
    parser.add_argument("--channel", metavar="NAME", help="only deliveries of this channel")
    wide(parser)
    paged(parser)
    for name, summary in (
        ("redeliver", "send dead deliveries again, and replay dead task runs"),
        ("discard", "discard dead letters"),
    ):
        parser = command(commands, name, decision(name), summary)
        parser.add_argument("ids", nargs="*", metavar="ID")
        parser.add_argument(
            "--channel", metavar="NAME", help="all dead letters of this channel, instead of ids"
        )
        parser.add_argument("--task", metavar="NAME", help="all runs of this task, instead of ids")
        add_actor(parser)


def list_page(path: str, view: View, row: Callable[[Row], Row] = dict) -> Run:
    """A command that shows one page of a list; `row` converts an item to a table row."""

    def run(arguments: Arguments, session: CommandSession) -> Exit:
        with connect(session, arguments.config) as service:
            page = service.page(path, query(arguments, FILTERS))
        document = page if arguments.json else {**page, "items": [row(item) for item in page["items"]]}
        show_page(document, view, arguments, session)
        return Exit.OK

    return run


def dead_letter_row(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """A dead letter in columns that fit both kinds: a run's reason is its state, its detail the error."""
    if item.get("kind") != "task_run":
        return item
    error = item.get("error") or {}
    said = [str(error[name]) for name in ("type", "message") if error.get(name)]
    return {**item, "reason": item.get("state"), "detail": ": ".join(said) or None}


def show_one(path: str) -> Run:
    def run(arguments: Arguments, session: CommandSession) -> Exit:
        with connect(session, arguments.config) as service:
            show(service.get(f"{path}/{segment(arguments.id)}"), arguments, session)
        return Exit.OK

    return run


def redeliver(arguments: Arguments, session: CommandSession) -> Exit:
    path = f"/v1/deliveries/{segment(arguments.id)}/redeliver"
    with connect(session, arguments.config) as service:
        show(service.post(path, actor_body(arguments, session)), arguments, session)
    return Exit.OK


def actor_body(arguments: Arguments, session: CommandSession) -> dict[str, Any]:
    """A request body with the actor."""
    actor = actor_of(session, arguments.actor)
    return {} if actor is None else {"actor": actor}


def decision(action: str) -> Run:
    def run(arguments: Arguments, session: CommandSession) -> Exit:
        given = {name: getattr(arguments, name) for name in ("ids", "channel", "task")}
        chosen = {name: value for name, value in given.items() if value}
        if len(chosen) != 1:
            raise CommandFailure(
                Exit.USAGE,
                "name the dead letters by their ids, or all of a channel (--channel NAME) or a task (--task NAME).",
            )
        with connect(session, arguments.config) as service:
            answer = service.post(f"/v1/dead-letters/{action}", {**chosen, **actor_body(arguments, session)})
        skipped = answer.get("skipped") or ()
        if arguments.json:
            session.put(as_json(answer))
        else:
            session.put(f"{_DECIDED[action]}: {cell(answer.get('count'))}")
            for item in skipped:
                session.put(
                    f"skipped: {cell(item.get('id'))} ({cell(item.get('reason') or item.get('state'))})"
                )
        return Exit.NO if skipped else Exit.OK

    return run


_DECIDED = {"redeliver": "sent again", "discard": "given up"}


def show(document: Any, arguments: Arguments, session: CommandSession) -> None:
    """Print an answer, as JSON or as fields."""
    if arguments.json:
        session.put(as_json(document))
    elif isinstance(document, Mapping):
        screen = session.screen()
        if screen.width is None:
            session.put(details(document, screen.when))
        else:
            session.put("\n".join(_fitted(document, screen)))


def _fitted(document: Row, screen: Screen) -> Iterator[str]:
    """A document on a terminal: its fields, wrapped, then a fitted table for each list in it."""
    plain = {name: value for name, value in document.items() if not is_rows(value)}
    width = max((len(name) for name in plain), default=0)
    for name, value in plain.items():
        line = f"{visible(name).replace('_', ' ').ljust(width)}  {field_cell(name, value, screen.when)}"
        yield from screen.wrap(line, " " * (width + 2))
    for name, rows in document.items():
        if is_rows(rows):
            names = list(dict.fromkeys(name for row in rows for name in row))
            columns = [Column(name=name.replace("_", " "), least=len(name)) for name in names]
            yield from ("", f"{visible(name).replace('_', ' ')}:")
            yield from screen.table(
                columns, [[field_cell(name, row.get(name), screen.ago) for name in names] for row in rows]
            )


def show_page(page: Any, view: View, arguments: Arguments, session: CommandSession) -> None:
    """Print one page of a list; the hint about the next page goes to standard error."""
    if arguments.json:
        session.put(as_json(page))
        return
    items = page["items"]
    if not items:
        session.say("none.")
    elif getattr(arguments, "wide", False):
        session.put(table(items, view.all_columns, widest=UNCUT))
    else:
        screen = session.screen()
        ids = short_ids([cell(item.get("id")) for item in items])
        rows = [[ids[cell(item.get("id"))], *view.cells(item, screen)] for item in items]
        session.put("\n".join(screen.table(view.columns, rows)))
    if page.get("next_cursor"):
        session.say(f"there are more: --cursor {page['next_cursor']}")
