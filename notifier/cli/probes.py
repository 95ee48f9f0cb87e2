"""Commands that test something: `test-channel`, `route-test`, `healthcheck`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from notifier.cli.actions import add_actor
from notifier.cli.options import Arguments, Subparsers, command, named, pair, segment
from notifier.cli.resources import actor_body, show
from notifier.cli.service import connect, decoded, refuse
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.cli.text import as_json, cell
from notifier.domain.delivery import Outcome

# An attempt may take 30 s, and a channel may have several targets.
TEST_SECONDS = 90
HEALTH_SECONDS = 8  # The service itself allows a commit five seconds.


def add(commands: Subparsers) -> None:
    parser = command(
        commands, "test-channel", test_channel, "send a test through a channel; exits 1 if it did not arrive"
    )
    parser.add_argument("name", metavar="NAME")
    add_actor(parser)
    parser = command(
        commands, "route-test", route_test, "show who would be alerted for these labels; exits 1 if nobody"
    )
    parser.add_argument("labels", nargs="+", type=pair, metavar="NAME=VALUE")
    command(commands, "healthcheck", healthcheck, "exit 0 if the service is ready, else 1; needs no key")


def test_channel(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config, seconds=TEST_SECONDS) as service:
        answer = service.post(f"/v1/channels/{segment(arguments.name)}/test", actor_body(arguments, session))
    show(answer, arguments, session)
    for target, detail in _failures(answer):
        # A table would cut the answer, which is the purpose of the command.
        session.say(f"{target}: {detail}")
    outcomes = list(_outcomes(answer))
    return Exit.OK if outcomes and set(outcomes) == {Outcome.DELIVERED} else Exit.NO


def _failures(answer: Mapping[str, Any]) -> Iterator[tuple[object, object]]:
    """Each target that was not reached, with the error."""
    for row in _rows(answer):
        if row.get("outcome") != Outcome.DELIVERED and row.get("detail"):
            yield row.get("target", "it"), row["detail"]


def _rows(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for value in answer.values():
        if isinstance(value, list):
            yield from (row for row in value if isinstance(row, Mapping))


def _outcomes(answer: Mapping[str, Any]) -> Iterator[object]:
    """The outcome of the channel, then those of its targets."""
    if "outcome" in answer:
        yield answer["outcome"]
    yield from (row.get("outcome") for row in _rows(answer))


def route_test(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        answer = service.post("/v1/routes/test", {"labels": dict(arguments.labels)})
    session.put(as_json(answer) if arguments.json else "\n".join(_route_words(answer)))
    session.say(f"Told: {answer['summary']}.")
    names = [name for name, _ in dict(arguments.labels).items()]
    for doubt in answer.get("warnings") or ():
        session.say(f"warning: {named(str(doubt.get('path')), names)}: {doubt.get('message')}")
    return Exit.OK if any(route["channels"] for route in answer["routes"]) else Exit.NO


def _route_words(answer: Mapping[str, Any]) -> Iterator[str]:
    """The tree of matching routes, then a few sentences for each that notifies."""
    for node in answer.get("tree") or ():
        match = ", ".join(map(cell, node.get("match") or ())) or "every event"
        mark = " <- tells" if node.get("tells") else ""
        branch = "   " * (node["depth"] - 1) + "`- " if node.get("depth") else ""
        yield f"{branch}{match}  ({_line(node)}){mark}"
    for route in answer["routes"]:
        yield ""
        yield from _notified(route)


def _after(wait: object) -> str:
    return "at once" if wait == "0s" else f"after {cell(wait)}"


def _line(route: Mapping[str, Any]) -> str:
    return cell(route["line"]) if route.get("line") else "built in"


def _notified(route: Mapping[str, Any]) -> Iterator[str]:
    channels = [cell(name) for name in route.get("channels") or ()]
    yield f"{cell(route.get('route'))} ({_line(route)}) tells {' and '.join(channels) or 'nobody'}."
    if not channels:
        return
    for told in route.get("targets") or ():
        yield f"  {cell(told.get('channel'))}: {cell(told.get('target'))}"
    if group := route.get("group"):
        yield f"It groups by {cell(route.get('group_by'))}: here {cell(group)}."
    if route.get("group_wait"):
        yield (
            f"The first message leaves {_after(route['group_wait'])}, the next ones every "
            f"{cell(route.get('group_interval'))} at most, and again every {cell(route.get('repeat_interval'))} "
            f"while events come. {'Its end is told.' if route.get('send_resolved') else 'Its end is not told.'}"
        )
    if after := route.get("notify_after"):
        yield f"Only once {cell(after.get('events'))} events have come within {cell(after.get('within'))}."
    for step in route.get("escalate") or ():
        yield f"Not acknowledged after {cell(step.get('after'))}: {cell(step.get('channels'))} too."
    if route.get("muted"):
        until = f" until {cell(route['muted_until'])}" if route.get("muted_until") else ""
        yield f"Just now its hours hold it{until}."


def healthcheck(arguments: Arguments, session: CommandSession) -> Exit:
    """Check the service. Docker allows the statuses 0 and 1 only, so an unreachable service is 1 too."""
    try:
        document = _ready(arguments, session)
    except CommandFailure as failure:
        session.say(f"not ready: {failure}")
        return Exit.USAGE if failure.status is Exit.USAGE else Exit.NO
    show(document, arguments, session)
    return Exit.OK


def _ready(arguments: Arguments, session: CommandSession) -> Any:
    with connect(session, arguments.config, keyed=False, seconds=HEALTH_SECONDS) as service:
        answer = service.answer("GET", "/readyz")
    refuse(answer)
    return decoded(answer)
