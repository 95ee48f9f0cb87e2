"""The page of status: losses, delays and problems."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.domain.time import HOUR
from notifier.domain.value import replace
from notifier.oncall.hold import HoldState
from notifier.oncall.status import (
    Accounting,
    BooksCheck,
    DatabaseStatus,
    Difference,
    ReplicaBeat,
    UndeliveredRow,
)
from notifier.runtime.status import ConfigStatus, LoopStatus, ServiceStatus
from notifier.web.views.status import StatusView, size, status_view
from tests.web.conftest import Pages

NOW = 1_800_000_000_000
BOOKS = Accounting(
    accepted=10,
    counted=8,
    pruned_events=2,
    duplicates=0,
    untold=0,
    unrouted=0,
    created=5,
    by_state={"dead": 1, "delivered": 3},
    pruned_deliveries=1,
    shed_samples=0,
    shed_deliveries=7,
    shed_task_runs=0,
)
STATUS = ServiceStatus(
    release="0.1.0",
    replica="r-1",
    started_at=NOW,
    config=ConfigStatus(source="/etc/notifier.yaml", version="v1", loaded_at=NOW),
    loops=(LoopStatus(name="delivery", beat=NOW, trouble=None),),
    not_ready=(),
    database=DatabaseStatus(
        at=NOW, dialect="sqlite", bytes=1_500_000, oldest=None, hold=None, replicas=(), backup=None
    ),
    books=BOOKS,
    books_at=NOW,
    books_check=None,
)


def view(hold: HoldState | None = None, **changes: Any) -> StatusView:
    return status_view(replace(STATUS, **changes), hold, limit=10_000_000_000, problems=())


def test_books_that_balance_lose_nothing() -> None:
    """Balanced equations are shown in numbers, and shed events are mentioned."""
    shown = view()
    assert not shown.lost
    assert [balance.sum for balance in shown.balances] == [
        "10 = 8 counted + 2 pruned",
        "0 = 0",
        "5 = 1 dead + 3 delivered + 1 pruned",
    ]
    assert (shown.shed, shown.size, shown.limit) == ((("deliveries", 7),), "1.5 MB", "10 GB")
    assert shown.file == "notifier.yaml"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"counted": 7}, "1 event missing."),
        ({"untold": 3}, "3 incidents would never be told."),
        ({"by_state": {"delivered": 3}}, "1 delivery missing."),
    ],
)
def test_books_that_do_not_balance_say_by_how_much(changes: dict[str, Any], sentence: str) -> None:
    """A difference is shown at its equation and at the top."""
    shown = view(books=replace(BOOKS, **changes))
    assert shown.lost
    assert [balance.sentence for balance in shown.balances if not balance.holds] == [sentence]


def test_a_difference_from_what_is_there_is_something_lost() -> None:
    """Counters that balance but differ from the tables are shown as a loss."""
    check = BooksCheck(at=NOW, exact=BOOKS, differences=(Difference(term="dead", running=1, exact=2),))
    shown = view(books_check=check)
    assert shown.lost
    assert shown.differences == ("Dead: the books say 1, and there are 2.",)


def test_troubles_are_sentences() -> None:
    """Readiness reasons, a refused configuration file and differing replicas are sentences."""
    beats = tuple(ReplicaBeat(name=name, seen_at=NOW, version=name) for name in ("v1", "v2"))
    oldest = UndeliveredRow(id="d", project="shop", channel="mail", created_at=NOW - 5)
    shown = view(
        not_ready=("the delivery loop has not moved for 40 s",),
        config=replace(STATUS.config, refused_at=NOW, problems=(("notifier.yaml:3:1", "no such key"),)),
        database=replace(STATUS.database, replicas=beats, oldest=oldest),
    )
    assert shown.troubles == (
        "The delivery loop has not moved for 40 s.",
        "The file of the configuration has 1 problem, and the one before goes on.",
        "Replicas follow different configurations: reload each of them.",
    )
    assert (shown.oldest_at, shown.oldest_channel) == (NOW - 5, "mail")


def test_a_clock_that_went_far_ahead_is_a_trouble() -> None:
    """A clock that jumped ahead is mentioned, with the time without deletions and what to do."""
    shown = view(database=replace(STATUS.database, retention_waits_until=NOW + 23 * HOUR))
    (trouble,) = shown.troubles
    assert trouble.startswith(
        "The service was away, or the clock went ahead, for more than a day: nothing is removed for its age for 23h."
    )
    assert trouble.endswith("Where the clock is wrong, set it right before then.")


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1 KB"), (1_234_567, "1.23 MB")]
)
def test_sizes_are_read_at_a_glance(count: int, words: str) -> None:
    """Sizes have three digits and a unit."""
    assert size(count) == words


@pytest.mark.anyio
async def test_a_database_that_does_not_answer_is_a_sentence(shop: Pages) -> None:
    """An unavailable database is a 503 that suggests trying again; readers see no acts."""
    reader = await shop.browser("reader")
    page = await reader.opens("/status")
    assert (page.status, page.answer.headers["retry-after"]) == (503, "2")
    token = dict((await reader.opens("/incidents")).form("/sign-out").fields)
    for path in ("/status/reload", "/status/release"):
        answer = await reader.http.post(path, data=token)
        assert answer.status_code == 403
