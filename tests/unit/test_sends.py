"""What a process has claimed: who begins when, what goes back, and how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from notifier.delivery.jobs import LEASE, Job
from notifier.delivery.outcome import Ended
from notifier.delivery.sends import BEGUN_WITHIN, Sending, Sends
from notifier.domain.delivery import Receipt, Thread
from notifier.domain.message import Message
from notifier.domain.notification import Reason
from notifier.domain.value import replace
from notifier.policy.targets import Idleness

pytestmark = pytest.mark.anyio

NOW = 1_000_000_000
MESSAGE = Message(
    id="", reason=Reason.OPENED, at=NOW, project="default", group=None, labels={}, told=(), totals={}, thread_id=""
)  # fmt: skip


class Receiver:
    """Keeps each send until it is told to answer."""

    def __init__(self) -> None:
        self.now = NOW
        self.begun: list[str] = []
        self._doors: dict[str, asyncio.Event] = {}
        self.sends = Sends(self._send, now=lambda: self.now, changed=lambda: None)

    async def _send(self, one: Sending) -> Ended:
        self.begun.append(one.job.id)
        await self._doors.setdefault(one.job.id, asyncio.Event()).wait()
        return Ended(job=one.job, end=Receipt())

    async def answer(self, *ids: str) -> None:
        for id_ in ids:
            self._doors.setdefault(id_, asyncio.Event()).set()
        await settled()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def sending(id_: str, *, target: int = 1, channel: str = "hook", **changes: Any) -> Sending:
    job = Job(
        id=id_, fence=1, project="default", target=target, channel=channel, address=f"target {target}",
        reason=Reason.OPENED, message=MESSAGE, thread=Thread(id=id_), created_at=NOW, claimed_at=NOW,
    )  # fmt: skip
    return Sending(job=replace(job, **changes), sender=SENDER)


class _Sender:
    async def send(self, message: Message, *, target: str, thread: Thread) -> Receipt:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


SENDER, OTHER = _Sender(), _Sender()


async def test_as_many_begin_as_there_are_slots_and_the_rest_is_in_line() -> None:
    """Two more for each slot are claimed, so that a send that ends has a next one."""
    receiver = Receiver()
    assert receiver.sends.free("hook", slots=2, targets=1) == 6
    receiver.sends.add([sending(name) for name in "abcde"])
    await settled()
    assert receiver.begun == ["a", "b"]
    assert receiver.sends.free("hook", slots=2, targets=1) == 1
    await receiver.answer("a")
    assert receiver.begun == ["a", "b", "c"]
    ended, back = receiver.sends.take(10)
    assert ([one.job.id for one in ended], back) == (["a"], [])
    await receiver.answer("b", "c", "d", "e")
    assert len(receiver.sends.take(10)[0]) == 4
    assert receiver.sends.idle("hook") is Idleness.PROCESS


async def test_a_target_that_hangs_leaves_half_of_the_slots() -> None:
    """Those behind it in line pass it."""
    receiver = Receiver()
    receiver.sends.free("mail", slots=4, targets=2)
    hanging = [sending(f"h{number}", target=1, channel="mail") for number in range(4)]
    receiver.sends.add([*hanging, *(sending(f"o{number}", target=2, channel="mail") for number in range(4))])
    await settled()
    assert receiver.begun == ["h0", "h1", "o0", "o1"]
    await receiver.answer("o0", "o1", "o2", "o3")
    assert receiver.begun == ["h0", "h1", "o0", "o1", "o2", "o3"]
    await receiver.answer("h0", "h1", "h2", "h3")
    assert not receiver.sends.in_flight


async def test_what_could_outlive_its_lease_goes_back() -> None:
    """It was in line for too long behind others that took their time."""
    receiver = Receiver()
    receiver.sends.free("hook", slots=1, targets=1)
    receiver.sends.add([sending("a"), sending("b"), sending("c", claimed_at=NOW + BEGUN_WITHIN)])
    await settled()
    receiver.now = NOW + BEGUN_WITHIN
    await receiver.answer("a")
    assert receiver.begun == ["a", "c"]
    assert [job.id for job in receiver.sends.take(10)[1]] == ["b"]
    await receiver.answer("c")


async def test_at_a_stop_nothing_in_line_begins() -> None:
    """All of it, or what is on certain senders."""
    receiver = Receiver()
    receiver.sends.free("hook", slots=1, targets=1)
    receiver.sends.add([sending("a"), sending("b"), replace(sending("c"), sender=OTHER)])
    await settled()
    assert receiver.sends.give_up([OTHER]) == 1
    assert receiver.sends.give_up() == 1
    await receiver.answer("a")
    assert receiver.begun == ["a"]
    assert [job.id for job in receiver.sends.take(10)[1]] == ["c", "b"]
    assert receiver.sends.on([SENDER]) == []


async def test_nothing_is_claimed_beside_what_goes_alone() -> None:
    """In its channel, or in the process."""
    receiver = Receiver()
    receiver.sends.add([sending("a", needs_idle=Idleness.CHANNEL)])
    assert receiver.sends.free("hook", slots=4, targets=1) == 0
    assert receiver.sends.free("mail", slots=4, targets=1) == 12
    assert (receiver.sends.idle("hook"), receiver.sends.idle("mail")) == (Idleness.NONE, Idleness.CHANNEL)
    await receiver.answer("a")
    receiver.sends.add([sending("b", needs_idle=Idleness.PROCESS)])
    assert receiver.sends.free("mail", slots=4, targets=1) == 0
    await receiver.answer("b")


async def test_what_could_not_be_recorded_is_recorded_later() -> None:
    """First, and in its order; not after its lease, when somebody else knows better."""
    receiver = Receiver()
    receiver.sends.free("hook", slots=4, targets=1)
    receiver.sends.add([sending("a"), sending("b", claimed_at=NOW + 1), sending("c", claimed_at=NOW + 1)])
    await receiver.answer("a", "b")
    taken = receiver.sends.take(10)
    await receiver.answer("c")
    receiver.now = NOW + LEASE
    receiver.sends.put_back(*taken)
    assert [one.job.id for one in receiver.sends.take(10)[0]] == ["b", "c"]


async def test_what_is_not_recorded_yet_is_still_claimed() -> None:
    """A process that dies then has it sent again: so much as a channel may claim, however slow a commit is."""
    receiver = Receiver()
    assert receiver.sends.free("hook", slots=2, targets=1) == 6
    receiver.sends.add([sending(name) for name in "abcd"])
    await receiver.answer("a", "b", "c", "d")
    assert receiver.sends.free("hook", slots=2, targets=1) == 2
    assert receiver.sends.free("mail", slots=2, targets=1) == 6
    assert (receiver.sends.idle("hook"), receiver.sends.idle("mail")) == (Idleness.NONE, Idleness.CHANNEL)
    receiver.sends.take(10)
    assert receiver.sends.free("hook", slots=2, targets=1) == 6
    assert receiver.sends.idle("hook") is Idleness.PROCESS


async def test_a_channel_that_must_be_quiet_is_claimed_for_when_it_is() -> None:
    """However many claims are made for others meanwhile; and the process, before what it was lost with goes again."""
    receiver = Receiver()
    receiver.sends.add([sending("a"), sending("b", channel="mail")])
    receiver.sends.wait_until_idle({"hook": Idleness.CHANNEL})
    receiver.sends.wait_until_idle({})
    assert receiver.sends.free("hook", slots=4, targets=1) == 0
    assert receiver.sends.free("mail", slots=4, targets=1) == 11
    await receiver.answer("a")
    assert receiver.sends.free("hook", slots=4, targets=1) == 0
    receiver.sends.take(10)
    assert receiver.sends.free("hook", slots=4, targets=1) == 12
    receiver.sends.wait_until_idle({"hook": Idleness.PROCESS})
    assert receiver.sends.free("hook", slots=4, targets=1) == 0
    assert receiver.sends.free("mail", slots=4, targets=1) == 0
    await receiver.answer("b")
    receiver.sends.take(10)
    assert receiver.sends.free("mail", slots=4, targets=1) == 12
