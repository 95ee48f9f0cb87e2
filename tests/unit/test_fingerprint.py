"""The identity of a problem: what tells two events apart, and what does not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from notifier.domain.value import replace
from notifier.policy.fingerprint import compute, masked, relevant_exception, uses_default, version_1


@dataclass(frozen=True)
class At:
    file: str | None = "billing/tasks.py"
    function: str | None = "charge"
    in_app: bool | None = True


@dataclass(frozen=True)
class Failed:
    type: str | None = "TimeoutError"
    message: str | None = "upstream timed out after 30s"
    frames: tuple[At, ...] = (At(),)
    cause: Failed | None = None


def of(exception: Failed | None = None, message: str | None = None, given: tuple[str, ...] = ()) -> str:
    return compute(service="billing", message=message, exception=exception, given=given)


def test_a_fingerprint_of_a_version_never_changes() -> None:
    """Stored incidents are found by it: another value here needs another VERSION."""
    assert of(Failed()) == "1c6cbb0f7b5b222b0a1f6a37f3ca62dc"
    assert of(message="could not charge order 1842") == "9975128f423c7ed59a2804be21f7bde6"
    said = "could not charge order 1842"
    assert (
        version_1.compute(service="billing", message=said, exception=Failed())
        == "a4825217a956dc873ac6e780a4e94dc0"
    )
    assert (
        version_1.compute(service="billing", message=said, exception=None)
        == "23ba990d9ceb8b102e087414cb473ccb"
    )
    assert of(Failed()) == compute(service="billing", message="other words", exception=Failed())
    assert of(Failed()) != compute(service="shop", message=None, exception=Failed())


def test_frames_in_app_tell_problems_apart_and_other_frames_do_not() -> None:
    """A library's frames move with its releases."""
    library = At(file="anyio/from_thread.py", function="run", in_app=False)
    assert of(Failed(frames=(library, At()))) == of(Failed())
    assert of(Failed(frames=(At(function="refund"),))) != of(Failed())


def test_frames_that_nobody_marked_all_count() -> None:
    """A plain client that sends no `in_app` is grouped by its frames, not by its messages."""
    plain = Failed(frames=(At(in_app=None),))
    assert of(plain) == of(replace(plain, message="something else"))
    assert of(plain) == of(Failed())


def test_without_frames_the_masked_messages_decide() -> None:
    """Two orders that fail alike are one problem."""
    assert of(message="could not charge order 1842") == of(message="could not charge order 7")
    assert of(message="could not charge order 1842") != of(message="could not refund order 1842")


def test_recursion_of_any_depth_and_period_is_one_problem() -> None:
    """A RecursionError is cut at a varying depth."""
    a, b = At(function="a"), At(function="b")
    assert of(Failed(frames=(a, b) * 3)) == of(Failed(frames=(a, b) * 40))
    assert of(Failed(frames=(a, b))) != of(Failed(frames=(b, a)))


def test_starlettes_wrapper_gives_way_to_what_it_wraps() -> None:
    """Unrelated failures of background tasks would merge under one RuntimeError, which Starlette raises for each."""
    wrapper = Failed(
        type="RuntimeError", message="Caught handled exception, but response already started.", cause=Failed()
    )
    assert of(wrapper) == of(Failed())
    assert relevant_exception(wrapper).type == "TimeoutError"
    assert relevant_exception(replace(wrapper, message="an own error")).type == "RuntimeError"
    assert relevant_exception(replace(wrapper, cause=None)).type == "RuntimeError"


def test_installed_packages_are_the_same_on_every_machine() -> None:
    """The prefix before site-packages, drives and separators are the machine's."""
    here = At(file="/usr/lib/python3/site-packages/shop/pay.py")
    there = At(file="C:\\venv\\Lib\\site-packages\\shop\\pay.py")
    assert of(Failed(frames=(here,))) == of(Failed(frames=(there,)))


@pytest.mark.parametrize("default", ["{{ default }}", "{{default}}", "{{  default }}"])
def test_the_senders_list_replaces_or_refines_the_default(default: str) -> None:
    """As Sentry has it: alone `{{ default }}` changes nothing, beside others it is refined."""
    assert of(Failed(), given=(default,)) == of(Failed())
    assert of(Failed(), given=(default, "eu")) not in {of(Failed()), of(Failed(), given=(default, "us"))}
    assert of(Failed(), given=(f"x-{default}",)) != of(Failed(type="KeyError"), given=(f"x-{default}",))
    assert of(Failed(), given=("db-down",)) == of(message="anything", given=("db-down",))
    assert uses_default((default,))


def test_elements_are_not_merely_joined() -> None:
    """Where one element ends is part of the identity."""
    assert of(given=("ab", "c")) != of(given=("a", "bc"))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("order 1842 failed after 3.5s", "order <number> failed after <duration>"),
        ("job 0192f0c1-1111-7000-8000-00000000abcd lost", "job <uuid> lost"),
        ("at 2026-11-22T05:00:00Z it broke", "at <date> it broke"),
        ("commit deadbeef12345678 at 0x7ffe", "commit <id> at <hex>"),
        ("no such file: '/tmp/x y'", "no such file: <quoted>"),
        ('key "user:17" missing', 'key "user:<number>" missing'),
        ("cannot open /var/lib/app/17.db now", "cannot open <path>/<number>.db now"),
        ("can't open it, don't ask", "can't open it, don't ask"),
        ("deadbeef is a word here", "deadbeef is a word here"),
    ],
)
def test_what_varies_is_masked(message: str, expected: str) -> None:
    """The rest stays, so that two problems stay two."""
    assert masked(message) == expected
