"""Commands that show the state of the running service: `channels`, `groups`, `tasks`; and `reload`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from notifier.cli import traceback
from notifier.cli.actions import add_actor
from notifier.cli.options import Arguments, Subparsers, command, family, paged, segment, wide
from notifier.cli.resources import BAD, View, actor_body, list_page, show
from notifier.cli.screen import Column, Screen
from notifier.cli.service import connect
from notifier.cli.session import CommandSession, Exit
from notifier.cli.text import UNCUT, as_json, cell, table
from notifier.domain.task_run import RunState

Row = Mapping[str, Any]

CHANNELS = (
    Column(name="channel", least=8),
    Column(name="type", rank=4),
    Column(name="target", least=12, rank=1),
    Column(name="state", styles=BAD),
    Column(name="waits", right=True, rank=2),
    Column(name="last ok", right=True, rank=3),
    Column(name="trouble", least=12),
)
TASKS = View(
    columns=(
        Column(name="id"),
        Column(name="task", least=16),
        Column(name="service", least=8, rank=2),
        Column(name="state", styles=BAD),
        Column(name="attempt", right=True, rank=4),
        Column(name="started", right=True, rank=3),
        Column(name="error", least=12, rank=1),
    ),
    cells=lambda item, screen: (
        cell(item.get("task")),
        cell(item.get("service")),
        cell(item.get("state")),
        _attempt(item),
        screen.ago(item.get("started_at")),
        _error(item),
    ),
    all_columns=(
        "id", "task", "service", "state", "attempt", "max_attempts", "started_at", "finished_at", "duration_ms",
        "incident_id", "replay_of",
    ),
)  # fmt: skip
GROUPS = View(
    columns=(
        Column(name="id"),
        Column(name="labels", least=16),
        Column(name="route", least=10, rank=1),
        Column(name="due", right=True, rank=2),
        Column(name="told", right=True, rank=3),
        Column(name="waiting", right=True, rank=4),
        Column(name="held", least=8, rank=5),
    ),
    cells=lambda item, screen: (
        cell(item.get("labels")),
        cell(item.get("route")),
        screen.ago(item.get("due_at")) if item.get("due_at") else "when woken",
        screen.ago(item.get("last_told_at")) if item.get("last_told_at") else "never",
        cell(item.get("changed")),
        cell(item.get("held")),
    ),
    all_columns=(
        "id", "labels", "route", "line", "channels", "created_at", "due_at", "last_told_at", "members", "changed",
        "held",
    ),
)  # fmt: skip


def add(commands: Subparsers) -> None:
    parser = command(
        family(commands, "channels", "show the channels and their health"),
        "list",
        list_channels,
        "list the channels and the health of their targets",
    )
    wide(parser)
    parser = command(
        family(commands, "groups", "show what is waiting to be sent"),
        "list",
        list_page("/v1/groups", GROUPS),
        "list waiting groups, until when they wait, and what holds them",
    )
    wide(parser)
    paged(parser)
    _add_tasks(family(commands, "tasks", "show task runs, or replay one"))
    parser = command(commands, "reload", reload, "reload the service's configuration")
    add_actor(parser)


def _add_tasks(commands: Subparsers) -> None:
    parser = command(commands, "list", list_page("/v1/task-runs", TASKS), "list task runs, newest first")
    parser.add_argument("--state", choices=[state.value for state in RunState], help="only these")
    parser.add_argument("--task", metavar="NAME", help="only of this task")
    parser.add_argument("--service", metavar="NAME", help="only of this service")
    wide(parser)
    paged(parser)
    parser = command(commands, "show", show_task, "show one task run and its error")
    parser.add_argument("id", metavar="ID")
    parser = command(commands, "replay", replay, "replay a failed or lost run")
    parser.add_argument("id", metavar="ID")
    add_actor(parser)


def list_channels(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        page = service.page("/v1/channels")
    if arguments.json:
        session.put(as_json(page))
    elif not page["items"]:
        session.say("none.")
    elif arguments.wide:
        targets = [
            {"channel": channel.get("name"), **target}
            for channel in page["items"]
            for target in channel.get("targets") or ()
        ]
        session.put(table(targets, widest=UNCUT))
    else:
        screen = session.screen()
        rows = [row for channel in page["items"] for row in _channel(channel, screen)]
        session.put("\n".join(screen.table(CHANNELS, rows)))
    return Exit.OK


def _channel(channel: Row, screen: Screen) -> Iterator[list[str]]:
    """A row for each target."""
    name = cell(channel.get("name")) + (" (fallback)" if channel.get("fallback") else "")
    for target in channel.get("targets") or [{}]:
        last_ok = target.get("last_ok_at")
        yield [
            name,
            cell(channel.get("type")),
            cell(target.get("target")),
            cell(target.get("state")),
            cell(target.get("pending")),
            screen.ago(last_ok) if last_ok else "never",
            _trouble(target, screen),
        ]


def _trouble(target: Row, screen: Screen) -> str:
    """The target's current error; one from before its last success is omitted."""
    if target.get("disabled_why"):
        return f"disabled: {cell(target['disabled_why'])}"
    if target.get("cool_until"):
        return f"tried again {screen.ago(target['cool_until'])}: {cell(target.get('last_error'))}"
    failed, worked = target.get("last_error_at"), target.get("last_ok_at")
    if failed and (not worked or str(failed) > str(worked)):
        return f"{screen.ago(failed)}: {cell(target.get('last_error'))}"
    return "-"


def show_task(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        run = service.get(f"/v1/task-runs/{segment(arguments.id)}")
    error = run.get("error")
    if arguments.json or not isinstance(error, Mapping):
        show(run, arguments, session)
        return Exit.OK
    show({name: value for name, value in run.items() if name != "error"}, arguments, session)
    session.put("\n".join(["", *traceback.lines(error)]))
    if error.get("reason"):
        session.put(cell(error["reason"]))
    return Exit.OK


def replay(arguments: Arguments, session: CommandSession) -> Exit:
    path = f"/v1/task-runs/{segment(arguments.id)}/replay"
    with connect(session, arguments.config) as service:
        made = service.post(path, actor_body(arguments, session))
    show(made, arguments, session)
    session.say("It runs again once a process that has its task asks for work.")
    return Exit.OK


def reload(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        done = service.post("/v1/config/reload", actor_body(arguments, session))
    if arguments.json:
        session.put(as_json(done))
        return Exit.OK
    if done.get("changed"):
        session.put(f"reloaded: {cell(done.get('previous'))} -> {cell(done.get('version'))}")
    else:
        session.put(f"unchanged: {cell(done.get('version'))}")
    for warning in done.get("warnings") or ():
        session.say(f"warning: {cell(warning)}")
    for setting in done.get("needs_restart") or ():
        session.say(f"{cell(setting)} keeps its old value until a restart.")
    return Exit.OK


def _attempt(run: Row) -> str:
    most = run.get("max_attempts")
    return f"{cell(run.get('attempt'))}/{cell(most)}" if most else cell(run.get("attempt"))


def _error(run: Row) -> str:
    error = run.get("error")
    if not isinstance(error, Mapping):
        return "-"
    said = [cell(error[name]) for name in ("type", "message", "reason") if error.get(name)]
    return ": ".join(said) or "-"
