"""The speed of notifier beside a bare ASGI callable, a FastAPI endpoint and Alertmanager.

    uv run python -m tests.bench                    # every row, about eight minutes
    uv run python -m tests.bench --quick            # every row in miniature, about a minute
    uv run python -m tests.bench --rows single,idle # some of: single batches tasks large envelopes alerts logs idle
                                                    # storm telling disk targets critical rules replicas ready million
                                                    # reading
    uv run python -m tests.bench --rows soak            # 100,000 deliveries on SQLite, and on three replicas
    uv run --group bench python -m tests.bench client   # an application with the client, beside sentry-sdk and others
    uv run python -m tests.bench profile            # where the time goes while events come in, ten seconds
    uv run python -m tests.bench grouping FOLDER    # how well the messages of a labelled log benchmark are grouped

It prints one Markdown table, and under it what is needed to judge it. Figures of one run only compare with each other:
the servers take turns slice by slice, on one core, while the load runs on another. Alertmanager takes part where
`prometheus-alertmanager` or `alertmanager` is on the PATH. Everything is on loopback and in a temporary folder, which
`--folder` puts on the disk that you mean; it should be a real one, since a `202` waits for its fsync. Nothing is left
behind. The million fingerprints take about 3 GB of disk, and 4 GB of memory for Alertmanager: `--distinct 100000`
takes a tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import uvloop

from tests.bench import (
    clients,
    crowd,
    durable,
    grouping,
    hotspots,
    million,
    reading,
    replicas,
    rows,
    senders,
    soak,
    telling,
)
from tests.bench.clients import Work
from tests.bench.machine import cores, fsync_seconds, pinned
from tests.bench.report import milliseconds
from tests.bench.rows import Bench, Options, Row
from tests.bench.subjects import DidNotStart, Stable, alertmanager_program, alertmanager_version
from tests.bench.wire import Broken, receiving

ROWS: Mapping[str, Row] = {
    "single": rows.single,
    "batches": rows.batches,
    "idle": rows.idle,
    "storm": rows.storm,
    "telling": telling.telling,
    "targets": crowd.targets,
    "critical": crowd.critical,
    "rules": crowd.rules,
    "disk": durable.disk,
    "tasks": durable.tasks,
    "large": durable.large,
    "envelopes": senders.envelopes,
    "alerts": senders.alerts,
    "logs": senders.logs,
    "replicas": replicas.replicas,
    "ready": rows.ready,
    "million": million.row,
    "reading": reading.row,
    "soak": soak.soak,
}
DEFAULT = tuple(name for name in ROWS if name != "soak")
FULL = Options(
    rounds=5,
    seconds=3.0,
    connections=64,
    idle_probes=500,
    storm_seconds=8.0,
    distinct=1_000_000,
    groups=2_000,
)
CLIENT_FULL = Work(rounds=9, requests=2_000, captures=500, failures=100_000)
CLIENT_QUICK = Work(rounds=3, requests=300, captures=100, failures=5_000)
QUICK = Options(
    rounds=2, seconds=0.6, connections=64, idle_probes=60, storm_seconds=2.0, distinct=20_000, groups=200
)


def main() -> int:
    """Run the measurements. 0: done; 1: the last line has the error; 130: interrupted. A missed goal is no error."""
    arguments = _arguments()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_interruptible(COMMANDS[arguments.command], arguments))
    except asyncio.CancelledError:
        print("the bench was interrupted; its servers are stopped", file=sys.stderr)
        return 130
    except (Broken, DidNotStart, TimeoutError, ExceptionGroup) as error:
        cause = _first(error)
        if not isinstance(cause, Broken | DidNotStart | TimeoutError):
            raise
        print(f"the bench stopped: {str(cause) or 'it waited for too long'}", file=sys.stderr)
        return 1
    return 0


async def _interruptible(
    work: Callable[[argparse.Namespace], Awaitable[None]], arguments: argparse.Namespace
) -> None:
    """Run the work, and stop the servers on SIGINT and SIGTERM."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await work(arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "command", nargs="?", choices=("measure", "client", "profile", "grouping"), default="measure"
    )
    parser.add_argument(
        "labelled", nargs="?", type=Path, metavar="FOLDER", help="grouping: of a labelled benchmark"
    )
    parser.add_argument("--quick", action="store_true", help="short slices, 20,000 fingerprints")
    parser.add_argument("--rows", type=_rows, default=DEFAULT, help=f"of {','.join(ROWS)}")
    parser.add_argument("--rounds", type=int, help="slices of each server")
    parser.add_argument("--seconds", type=float, help="length of one slice; of the profile, ten by default")
    parser.add_argument(
        "--connections", type=int, help="keep-alive connections where each request is one event"
    )
    parser.add_argument("--distinct", type=int, help="fingerprints in the last row, in thousands")
    parser.add_argument(
        "--folder", type=Path, help="where the databases are put (default: the temporary folder)"
    )
    parser.add_argument("--without-alertmanager", action="store_true")
    parser.add_argument("--batch", type=int, default=1, help="profile: events in a request")
    parser.add_argument(
        "--stream", choices=tuple(hotspots.STREAMS), default="equal", help="profile: which fingerprints come"
    )
    parser.add_argument("--idle", action="store_true", help="profile: one event now and then, told at once")
    return parser.parse_args()


def _rows(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in ROWS]:
        raise argparse.ArgumentTypeError(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return names


def _options(arguments: argparse.Namespace) -> Options:
    base = QUICK if arguments.quick else FULL
    return Options(
        rounds=arguments.rounds or base.rounds,
        seconds=arguments.seconds or base.seconds,
        connections=arguments.connections or base.connections,
        idle_probes=base.idle_probes,
        storm_seconds=base.storm_seconds,
        distinct=arguments.distinct or base.distinct,
        groups=base.groups,
    )


async def _measure(arguments: argparse.Namespace) -> None:
    program = None if arguments.without_alertmanager else alertmanager_program()
    name = f"Alertmanager {alertmanager_version(program)}" if program else "Alertmanager (absent)"
    used = cores()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="ntf-bench-", dir=arguments.folder) as folder, pinned(used.load):
        async with receiving() as receiver:
            bench = Bench(
                options=_options(arguments),
                stable=Stable(core=used.server, folder=Path(folder), receiver_port=receiver.port),
                receiver=receiver,
                with_alertmanager=program is not None,
            )
            bench.report.notes += [
                f"{used.words}; {_versions()}",
                f"a 4 KiB write and its fdatasync take {milliseconds(fsync_seconds(Path(folder)))} here",
                f"medians of {bench.options.rounds} interleaved slices of {bench.options.seconds:g} s",
            ]
            gc.freeze()
            for row in arguments.rows:
                print(f"{time.perf_counter() - started:6.0f} s  {row}", file=sys.stderr, flush=True)
                await ROWS[row](bench)
            print(bench.report.markdown(name))
    print(f"{time.perf_counter() - started:6.0f} s  done", file=sys.stderr)


async def _profile(arguments: argparse.Namespace) -> None:
    used = cores()
    with tempfile.TemporaryDirectory(prefix="ntf-bench-", dir=arguments.folder) as folder, pinned(used.load):
        async with receiving() as receiver:
            stable = Stable(core=used.server, folder=Path(folder), receiver_port=receiver.port)
            load = hotspots.Load(
                batch=arguments.batch,
                stream=hotspots.STREAMS[arguments.stream],
                idle=arguments.idle,
                seconds=arguments.seconds or 10.0,
            )
            print(await hotspots.find(stable, receiver, load))


async def _client(arguments: argparse.Namespace) -> None:
    used = cores()
    work = CLIENT_QUICK if arguments.quick else CLIENT_FULL
    with tempfile.TemporaryDirectory(prefix="ntf-bench-", dir=arguments.folder) as folder, pinned(used.load):
        async with receiving() as receiver:
            stable = Stable(core=used.server, folder=Path(folder), receiver_port=receiver.port)
            print(await clients.compare(stable, receiver, work))
    print(f"\n- {used.words}; {_versions()}")


async def _grouping(arguments: argparse.Namespace) -> None:
    if arguments.labelled is None:
        raise Broken("grouping wants a folder: that of a labelled log benchmark, with its *.tsv.gz files")
    print(grouping.report(arguments.labelled))


COMMANDS: Mapping[str, Callable[[argparse.Namespace], Awaitable[None]]] = {
    "measure": _measure,
    "client": _client,
    "profile": _profile,
    "grouping": _grouping,
}


def _versions() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("uvicorn", "fastapi", "pydantic"))
    return f"Python {platform.python_version()}, {packages}; Linux {os.uname().release}"


def _first(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    sys.exit(main())
