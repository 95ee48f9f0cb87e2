"""`notifier doctor client`: why an application's errors do not arrive, checked from the application's side."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from notifier.cli.options import Arguments, Subparsers, command
from notifier.cli.session import CommandSession, Exit
from notifier.cli.text import as_json, visible

if TYPE_CHECKING:
    from notifier.client import Diagnosis
    from notifier.client.dispatch.processes import Process

EPILOG = """\
Run it where the application runs, as its user and with its environment: it reads what the client reads (NOTIFIER_URL,
NOTIFIER_KEY or NOTIFIER_KEY_FILE, NOTIFIER_SERVICE, NOTIFIER_ENVIRONMENT, NOTIFIER_RELEASE, NOTIFIER_SPOOL), asks the
service, sends a test report that is stored and told to nobody, and shows what the application's processes on this
machine have sent, keep and dropped. What the code passes to Notifier() is shown by print(notifier.diagnose()).

exit status: 0 the test report arrived; 1 it did not, though the service answers; 2 nothing is set, or it cannot be
used; 3 the service cannot be reached; 4 it refuses the key"""

STATUS = {"refuses": Exit.REFUSED, "away": Exit.UNREACHABLE, "stranger": Exit.UNREACHABLE}


def add(doctors: Subparsers) -> None:
    parser = command(doctors, "client", client, "find out why an application's errors do not arrive")
    parser.epilog = EPILOG
    parser.add_argument(
        "--service", metavar="NAME", help="the application's service (default: NOTIFIER_SERVICE, else all)"
    )
    parser.add_argument("--no-test", action="store_true", help="do not send a test report")


def client(arguments: Arguments, session: CommandSession) -> Exit:
    # The findings replace the client's own warnings.
    logging.getLogger("notifier.client").addHandler(logging.NullHandler())
    service = arguments.service or session.environ.get("NOTIFIER_SERVICE")
    diagnosis = _diagnosis(service, test=not arguments.no_test)
    processes = [] if service else _of_all_services()
    if arguments.json:
        session.put(
            as_json({**diagnosis.as_json(), "applications": [asdict(process) for process in processes]})
        )
    else:
        lines = (*str(diagnosis).split("\n"), *_listed(processes))
        session.put("\n".join(visible(line) for line in lines))
    return _status(diagnosis, tested=not arguments.no_test)


def _diagnosis(service: str | None, *, test: bool) -> Diagnosis:
    from notifier.client import Notifier

    notifier = Notifier(service, in_app=(), send_in_tests=True)
    notifier.reporting.watched.add(
        "nothing here: print(notifier.diagnose()) in the application says what it watches"
    )
    try:
        return notifier.diagnose(test=test)
    finally:
        notifier.close(0.5)


def _of_all_services() -> list[Process]:
    """The processes in the spools of all services."""
    from notifier.client.dispatch.processes import all_processes

    return all_processes()


def _listed(processes: Sequence[Process]) -> list[str]:
    from notifier.client.diagnosis import of_process

    lines = [f"  {process.service}: {of_process(process)}" for process in processes]
    return ["", "Applications of this user on this machine", *lines] if lines else []


def _status(diagnosis: Diagnosis, *, tested: bool) -> Exit:
    if diagnosis.destination == "nowhere":
        return Exit.USAGE
    if diagnosis.service in STATUS:
        return STATUS[diagnosis.service]
    return Exit.OK if diagnosis.test == "taken" or not tested else Exit.NO
