"""The bench: its load reaches the server, counts exactly, and errors stop it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notifier.domain.value import replace
from tests.bench import payload, rows, subjects
from tests.bench.baselines import Event
from tests.bench.clients import Figures, Work, compare, table
from tests.bench.contest import contest, reconcile
from tests.bench.load import Background, Probe, alongside, arrivals, saturate
from tests.bench.machine import cores, cpu_seconds, resident
from tests.bench.report import Goal, Line, Report, compared, percentile
from tests.bench.subjects import ALERTMANAGER, BARE, NOTIFIER, Grouping, Stable, Subject
from tests.bench.wire import Broken, Messages, Receiver, get, lanes, receiving

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


@pytest.fixture(scope="module")
async def bare(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> AsyncIterator[Subject]:
    folder = tmp_path_factory.mktemp("bench")
    stable = Stable(core=cores().server, folder=folder, receiver_port=receiver.port)
    async with subjects.baseline(stable, BARE) as subject:
        yield subject


async def test_a_contest_counts_what_the_server_answered(bare: Subject) -> None:
    """Rates come from answered requests only, and the server's CPU time is measured."""
    found = await contest([bare], payload.equal, batch=10, connections=8, rounds=2, seconds=0.2)
    measured = found[BARE]
    assert len(measured.rates) == 2
    assert measured.rate > 100
    assert bare.sent >= 10 * sum(one.requests for one in measured.slices) > 0
    assert 0 < measured.load_busy < 1.5
    assert cpu_seconds(bare.process.pid) > 0
    assert resident(bare.process.pid) > 1_000_000


async def test_a_slice_ends_when_its_requests_run_out(bare: Subject) -> None:
    """Every prepared request is answered once."""
    requests = bare.requests(payload.distinct(), batch=1, count=50)
    async with lanes(bare.port, 8) as pool:
        one = await saturate(pool, requests, expected=b"202", seconds=5)
    assert one.requests == 50
    assert one.seconds < 5


async def test_an_unexpected_status_stops_the_run(bare: Subject) -> None:
    """A refused event is an error, not a fast answer."""
    async with lanes(bare.port, 2) as pool:
        with pytest.raises(Broken, match="answered 202"):
            await saturate(pool, bare.requests(payload.equal(), batch=1, count=4), expected=b"200", seconds=1)


async def test_a_background_keeps_its_rate(bare: Subject) -> None:
    """The background load keeps its rate, and all of it is answered."""
    async with lanes(bare.port, 8) as pool:
        background = Background(
            pool,
            lambda: bare.requests(payload.equal(), batch=1, count=1)[0],
            expected=b"202",
            per_second=500,
        )
        async with alongside(background):
            await asyncio.sleep(0.4)
    assert background.answers == background.sent
    assert 100 <= background.sent <= 210


async def test_an_arrival_is_timed_from_its_post(receiver: Receiver) -> None:
    """The receiver replaces the whole service: what is posted to it has arrived."""
    tokens = [payload.fresh() for _ in range(5)]
    echo = [
        Probe(token=token, request=payload.head(receiver.port, "/", "", len(token)) + token)
        for token in tokens
    ]
    async with lanes(receiver.port, 2) as pool:
        times = await arrivals(pool, iter(echo), receiver, expected=200, count=5, every=0.01)
    assert len(times) == 5
    assert all(0 < one < 5 for one in times)


async def test_the_service_takes_part(tmp_path: Path, receiver: Receiver) -> None:
    """notifier starts in the bench, accepts load, notifies the receiver, and has the expected counts on disk."""
    stable = Stable(core=cores().server, folder=tmp_path, receiver_port=receiver.port)
    async with subjects.notifier(stable, Grouping(by_incident=True, wait="0s")) as subject:
        await contest([subject], payload.equal, batch=100, connections=2, rounds=1, seconds=0.1)
        async with lanes(subject.port, 1) as pool:
            times = await arrivals(pool, rows.probes(subject), receiver, expected=202, count=2, every=0.01)
        subject.sent += 2
        said = await reconcile(subject)
        assert subject.ready_seconds > 0
    assert len(times) == 2
    assert f"its ledger has {subject.sent:,}" in said


@pytest.mark.parametrize(("sent", "fits"), [(5, True), (6, False)])
async def test_a_count_that_differs_stops_the_run(bare: Subject, sent: int, *, fits: bool) -> None:
    """A difference between the server's count and the acknowledged events stops the run."""
    text = b'notifier_events_total{format="native",result="accepted"} 5.0\n'

    async def metrics(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + text)
        writer.close()

    async with await asyncio.start_server(metrics, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        claimant = replace(bare, name=NOTIFIER, port=port, sent=sent)
        if fits:
            assert "counts 5" in await reconcile(claimant)
        else:
            with pytest.raises(Broken, match="must be the same"):
                await reconcile(claimant)


async def test_the_own_client_reads_a_status(bare: Subject) -> None:
    """GET answers status and body, with or without a length."""
    assert await get(bare.port, "/anything") == (202, b"{}")


def test_the_example_event_is_valid_and_of_its_usual_size() -> None:
    """The posted event is the reference event, nearly 900 bytes, with an id and a token of its own."""
    body = payload.EVENT_FORM.fill(b"new-1")
    event = json.loads(body)
    assert 800 <= len(body) <= 1_000
    assert event["labels"] == {"region": "new-1"}
    assert event["fingerprint"][-1] == "new-1"
    assert event["id"] != payload.ID
    Event.model_validate(event)


def test_an_alert_carries_the_same_facts() -> None:
    """Alertmanager gets about as many bytes, and identifies alerts by the same token."""
    alert = json.loads(payload.ALERT_FORM.fill(b"new-1"))
    assert alert["labels"]["region"] == "new-1"
    assert alert["annotations"]["id"] != payload.ID
    sizes = len(payload.EVENT_FORM.fill(b"x")), len(payload.ALERT_FORM.fill(b"x"))
    assert max(sizes) / min(sizes) < 1.25


def test_streams_repeat_or_never_repeat() -> None:
    """`equal` repeats one token, `distinct` never repeats, and `mixed` is new at its interval."""
    assert len(set(itertools.islice(payload.equal(), 100))) == 1
    assert len(set(itertools.islice(payload.distinct(), 100))) == 100
    mixed = list(itertools.islice(payload.mixed(payload.equal(), one_new_in=10), 100))
    assert len(set(mixed)) == 11


@pytest.mark.parametrize("size", [1, 7, 40, 1_000])
def test_a_message_is_read_whatever_its_pieces(size: int) -> None:
    """An answer that arrives in pieces is the same as one that arrives at once."""
    answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 5\r\n\r\nhello"
    messages, found = Messages(), []
    for start in range(0, len(answer), size):
        message = messages.take(answer[start : start + size])
        if message is not None:
            found.append(message)
    assert [(head[9:12], body) for head, body in found] == [(b"202", b"hello")]


def test_ratios_name_who_was_compared() -> None:
    """A goal is compared with each subject that it names, if that was measured."""
    goals = (Goal(against=ALERTMANAGER, at_least=1.0),)
    assert compared({NOTIFIER: 90.0, ALERTMANAGER: 100.0}, goals) == (
        "0.90 x Alertmanager",
        "1 x Alertmanager",
        "missed",
    )
    assert compared({NOTIFIER: 90.0, BARE: 180.0}, goals)[2] == "not compared"


def test_the_table_has_a_cell_for_everybody() -> None:
    """A missing figure is shown as a dash; notes follow the table."""
    report = Report(lines=[Line(what="speed", figures={NOTIFIER: "1/s"})], notes=["on one core"])
    text = report.markdown("Alertmanager 0.25")
    assert "| speed | 1/s | - | - | - | - | - | not compared |" in text
    assert text.endswith("- on one core")


def test_percentiles_are_values_that_were_measured() -> None:
    """Percentiles are measured values, by nearest rank."""
    assert percentile(list(range(1, 101)), 0.99) == 100
    assert percentile([3.0], 0.5) == 3.0


def test_the_folder_of_a_process_is_its_own(tmp_path: Path) -> None:
    """Two servers of one kind have different folders."""
    stable = Stable(core=0, folder=tmp_path, receiver_port=1)
    assert stable.box("a") != stable.box("a")


@pytest.mark.slow
async def test_the_client_s_rows(tmp_path: Path, receiver: Receiver) -> None:
    """In miniature: every figure exists, and the application's reports have arrived."""
    before = receiver.requests
    stable = Stable(core=cores().server, folder=tmp_path, receiver_port=receiver.port)
    work = Work(rounds=1, requests=30, captures=20, failures=1_000)
    lines = (await compare(stable, receiver, work)).splitlines()
    heads = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert heads[:3] == ["what", "bare", "notifier"]
    figures = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[2][-2:] for row in figures] == ["us", "us", "us", "us", "MB"]
    assert receiver.requests > before


def test_what_an_application_adds_is_taken_round_by_round() -> None:
    """The overhead is computed per round, because a slow round slows the bare application too."""
    bare = Figures(p50=[1.0, 9.0, 1.0], p99=[1.0], capture=[1.0], cpu=[1.0])
    mine = Figures(p50=[1.00001, 9.00001, 1.00003], p99=[1.0], capture=[0.001], cpu=[1.0])
    work = Work(rounds=3, requests=1, captures=1, failures=1_000)
    text = table({"bare": bare, "notifier": mine}, work)
    assert "+10 us | +20 us | reached" in text
    assert "1,000 us | 200 us | missed" in text
