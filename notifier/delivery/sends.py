"""Sends: one attempt with its deadline, and the claimed deliveries of this process, queued or in flight."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from notifier.channels.base import Channel
from notifier.delivery.jobs import LEASE, Job
from notifier.delivery.outcome import Ended
from notifier.domain.delivery import Outcome, Receipt
from notifier.domain.errors import SendError
from notifier.domain.time import SECOND, Duration, Instant
from notifier.policy.targets import Idleness
from notifier.telemetry.logging import get

DEADLINE: Duration = 30 * SECOND
"""The time limit of one attempt."""

AHEAD = 2
"""How many deliveries are claimed in advance for each slot, so that a free slot need not wait for a commit."""
BEGUN_WITHIN: Duration = LEASE - DEADLINE - 5 * SECOND
"""A delivery that has not begun by then could outlive its lease: the claim is returned without counting an
attempt."""


def share_of(slots: int, targets: int) -> int | None:
    """How many of a channel's slots one target may use: half of them, or None (no limit) for the only target."""
    return max(1, slots // 2) if targets > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A claimed delivery and the sender that it goes out on."""

    job: Job
    sender: Channel


@dataclass(slots=True, kw_only=True)
class _Lane:
    """The queue of one channel, and the number of sends in flight by target."""

    slots: int = 1
    targets: int = 1
    line: deque[Sending] = field(default_factory=deque)
    in_flight: dict[int, int] = field(default_factory=dict)

    @property
    def taken(self) -> int:
        return len(self.line) + sum(self.in_flight.values())

    def next(self) -> Sending | None:
        """The first queued delivery that may begin, or None."""
        if sum(self.in_flight.values()) >= self.slots:
            return None
        share = share_of(self.slots, self.targets)
        for place, sending in enumerate(self.line):
            if share is None or self.in_flight.get(sending.job.target, 0) < share:
                del self.line[place]
                return sending
        return None


class Sends:
    """Starts queued deliveries as slots become free. `send` makes one attempt and returns how it ended."""

    def __init__(
        self,
        send: Callable[[Sending], Coroutine[Any, Any, Ended]],
        *,
        now: Callable[[], Instant],
        changed: Callable[[], None],
    ) -> None:
        self._send = send
        self._now = now
        self._changed = changed
        self._lanes: dict[str, _Lane] = {}
        self._tasks: dict[asyncio.Task[Ended], Sending] = {}
        self._ended: list[Ended] = []
        self._back: list[Job] = []
        self._needs: dict[str, Idleness] = {}

    @property
    def in_flight(self) -> tuple[asyncio.Task[Ended], ...]:
        return tuple(self._tasks)

    @property
    def has_queued(self) -> bool:
        return any(lane.line for lane in self._lanes.values())

    @property
    def unrecorded_count(self) -> int:
        return len(self._ended)

    def free(self, channel: str, *, slots: int, targets: int) -> int:
        """How many more deliveries may be claimed for a channel with so many slots and targets."""
        lane = self._lanes.setdefault(channel, _Lane())
        lane.slots, lane.targets = slots, targets
        if self._waits_for_idle(channel) or any(_blocks_claims(sending, channel) for sending in self._all()):
            return 0
        return max(0, slots * (1 + AHEAD) - self._claimed(channel))

    def wait_until_idle(self, needs: Mapping[str, Idleness]) -> None:
        """Claim nothing more for these channels until they are idle, so that a delivery can be sent alone."""
        self._needs |= needs

    def _waits_for_idle(self, channel: str) -> bool:
        self._needs = {name: needed for name, needed in self._needs.items() if self.idle(name) < needed}
        return channel in self._needs or Idleness.PROCESS in self._needs.values()

    def idle(self, channel: str) -> Idleness:
        """Whether this process, or at least the channel, has no claimed deliveries."""
        if not self._ended and not any(lane.taken for lane in self._lanes.values()):
            return Idleness.PROCESS
        return Idleness.NONE if self._claimed(channel) else Idleness.CHANNEL

    def _claimed(self, channel: str) -> int:
        """A channel's claimed deliveries without a recorded outcome, except for claims to be returned."""
        lane = self._lanes.get(channel)
        ended = sum(ending.job.channel == channel for ending in self._ended)
        return ended + (lane.taken if lane is not None else 0)

    def add(self, sendings: Collection[Sending]) -> None:
        for sending in sendings:
            self._lanes.setdefault(sending.job.channel, _Lane()).line.append(sending)
        for channel in {sending.job.channel for sending in sendings}:
            self._begin(self._lanes[channel])

    def take(self, most: int) -> tuple[list[Ended], list[Job]]:
        """Remove and return up to `most` finished sends in order, and the claims to be returned."""
        ended, self._ended = self._ended[:most], self._ended[most:]
        back, self._back = self._back, []
        return ended, back

    def put_back(self, ended: list[Ended], back: list[Job]) -> None:
        """Put back what could not be recorded, except where the lease has ended."""
        now = self._now()
        self._ended = [sending for sending in ended if now < sending.job.claimed_at + LEASE] + self._ended
        self._back = [job for job in back if now < job.claimed_at + LEASE] + self._back

    def give_up(self, senders: Collection[Channel] | None = None) -> int:
        """Return the queued deliveries of these senders, or of all. Returns how many there were."""
        before = len(self._back)
        for lane in self._lanes.values():
            stays = deque(
                sending for sending in lane.line if senders is not None and not _is_on(sending, senders)
            )
            self._back += [
                sending.job for sending in lane.line if senders is None or _is_on(sending, senders)
            ]
            lane.line = stays
        return len(self._back) - before

    def on(self, senders: Collection[Channel]) -> list[asyncio.Task[Ended]]:
        """The sends in flight on these senders."""
        return [task for task, sending in self._tasks.items() if _is_on(sending, senders)]

    def _all(self) -> Iterator[Sending]:
        yield from self._tasks.values()
        for lane in self._lanes.values():
            yield from lane.line

    def _begin(self, lane: _Lane) -> None:
        while (sending := lane.next()) is not None:
            if self._now() >= sending.job.claimed_at + BEGUN_WITHIN:
                self._back.append(sending.job)
                self._changed()
                continue
            lane.in_flight[sending.job.target] = lane.in_flight.get(sending.job.target, 0) + 1
            task = asyncio.create_task(self._send(sending), name=f"send-{sending.job.id}")
            self._tasks[task] = sending
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Ended]) -> None:
        sending = self._tasks.pop(task)
        lane = self._lanes[sending.job.channel]
        lane.in_flight[sending.job.target] -= 1
        if not lane.in_flight[sending.job.target]:
            del lane.in_flight[sending.job.target]
        if not task.cancelled():
            self._ended.append(task.result())
        self._begin(lane)
        self._changed()


def _is_on(sending: Sending, senders: Collection[Channel]) -> bool:
    return any(sending.sender is sender for sender in senders)


def _blocks_claims(sending: Sending, channel: str) -> bool:
    """Whether nothing else may be claimed for the channel while this delivery is here."""
    idle = sending.job.needs_idle
    return idle is Idleness.PROCESS or (idle is Idleness.CHANNEL and sending.job.channel == channel)


async def attempt(channel: Channel, job: Job, *, deadline: Duration = DEADLINE) -> Receipt | SendError:
    """Send within the deadline.

    An unexpected exception in a channel counts as a transient error, so that no alert is lost.
    """
    try:
        async with asyncio.timeout(deadline / 1000):
            return await channel.send(job.message, target=job.address, thread=job.thread)
    except SendError as error:
        return error
    except TimeoutError:
        return SendError(Outcome.AMBIGUOUS, f"no outcome within {deadline // SECOND} seconds")
    except Exception as error:  # noqa: BLE001 - the one edge where anything may come
        get("notifier.delivery").error(
            "channel_defect", channel=job.channel, delivery=job.id, error=type(error).__name__, exc_info=error
        )
        return SendError(
            Outcome.TRANSIENT, f"the channel failed with {type(error).__name__}: see the service's log"
        )
