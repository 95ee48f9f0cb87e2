"""What the tests of an application get: pytest in a process of its own, with the plug-in as it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.receiver import Receiver

pytest_plugins = ["pytester"]

SHOP = """
import logging

from notifier.client import Notifier

notifier = Notifier(service="shop")
log = logging.getLogger("shop")
log.addHandler(notifier.logging_handler())


@notifier.task(retries=3, backoff=3600)
def charge(order):
    raise TimeoutError(f"order {order}")


@notifier.task
def got_over():
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("never mind")
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


@pytest.fixture
def suite(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, receiver: Receiver, tmp_path: Path
) -> pytest.Pytester:
    """An application's folder, on a machine whose environment names a service and a key."""
    monkeypatch.setenv("NOTIFIER_URL", receiver.url)
    monkeypatch.setenv("NOTIFIER_KEY", "ntf_" + "0" * 40)
    monkeypatch.setenv("NOTIFIER_SPOOL", str(tmp_path / "spool"))
    pytester.makepyfile(shop=SHOP)
    return pytester


# No other plug-in that this environment has: they take three seconds to import.
ALONE = ("--disable-plugin-autoload", "-p", "notifier.client.pytest_plugin")


def passes(suite: pytest.Pytester, tests: str, count: int, *, plugins: tuple[str, ...] = ALONE) -> None:
    suite.makepyfile(test_shop=tests)
    suite.runpytest_subprocess("-q", "-W", "error", *plugins).assert_outcomes(passed=count)


def test_a_test_sees_what_was_reported_in_it(suite: pytest.Pytester, receiver: Receiver) -> None:
    """Retries do not wait, each test begins with none, and nothing is sent though there is somebody to send it to."""
    passes(
        suite,
        """
        import pytest
        from shop import charge, got_over, notifier

        def test_reports(notifier_reports):
            with pytest.raises(TimeoutError):
                charge(42)
            (report,) = notifier_reports
            assert report["exception"]["message"] == "order 42"
            assert report["task"]["attempt"] == 4
            assert report["service"] == "shop"
            got_over()

        def test_logs():
            got_over()

        def test_begins_anew(notifier_reports):
            notifier.flush()
            assert notifier_reports == []
            notifier.message("hello")
            assert [report["message"] for report in notifier_reports] == ["hello"]

        def test_what_was_logged_is_there_once_it_is_flushed(notifier_reports):
            got_over()
            notifier.flush()
            assert [report["message"] for report in notifier_reports] == ["never mind"]

        def test_without_the_fixture():
            with pytest.raises(TimeoutError):
                charge(42)
            assert notifier.counts().captured
        """,
        5,
    )
    assert not receiver.requests


def test_every_notifier_of_the_application_is_heard(suite: pytest.Pytester) -> None:
    """Whenever it was made, but for one that was given a transport of its own."""
    passes(
        suite,
        """
        from notifier.client import Notifier
        from notifier.client.transport import NullTransport
        from shop import notifier

        def test_reports(notifier_reports):
            notifier.message("one")
            Notifier("other").message("two")
            Notifier("third", transport=NullTransport()).message("three")
            assert [report["message"] for report in notifier_reports] == ["one", "two"]
        """,
        1,
    )


def test_who_asks_for_it_sends_in_tests(suite: pytest.Pytester, receiver: Receiver) -> None:
    """`send_in_tests=True`: to the service, and with the waiting that there is in earnest."""
    passes(
        suite,
        """
        import time
        import pytest
        from notifier.client import Notifier

        notifier = Notifier("shop", send_in_tests=True)

        @notifier.task(retries=1, backoff=[0.3])
        def charge():
            raise TimeoutError

        def test_sends(notifier_reports):
            begun = time.monotonic()
            with pytest.raises(TimeoutError):
                charge()
            assert time.monotonic() - begun >= 0.3
            assert notifier.flush(10)
            assert notifier_reports == []
        """,
        1,
    )
    assert [event["exception"]["type"] for event in receiver.events] == ["TimeoutError"]


def test_a_run_that_does_not_use_it_does_not_pay_for_it(suite: pytest.Pytester) -> None:
    """pytest loads every installed plug-in; this one imports no other part of the client."""
    passes(
        suite,
        """
        import sys

        def test_nothing_is_imported():
            assert "notifier.client.pytest_plugin" in sys.modules
            loaded = {name for name in sys.modules if name.partition(".")[0] == "notifier"}
            assert loaded == {"notifier", "notifier.client", "notifier.client.pytest_plugin"}
        """,
        1,
        plugins=("-p", "no:schemathesis", "-p", "no:hypothesispytest"),  # which import for three seconds
    )
