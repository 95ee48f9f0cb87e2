"""Sends: one attempt at its edge, and the deliveries that this process has claimed, in line for a slot or in flight."""

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
from notifier.policy.targets import Quiet
from notifier.telemetry.logging import get

DEADLINE: Duration = 30 * SECOND
"""Of one attempt."""

AHEAD = 2
"""How many deliveries are claimed for each slot beyond the one that it sends: it need not wait for a commit."""
BEGUN_WITHIN: Duration = LEASE - DEADLINE - 5 * SECOND
"""What has not begun by then could outlive its lease; it goes back, uncounted."""


def share_of(slots: int, targets: int) -> int | None:
    """How many of a channel's slots one of several targets may have; None: it is the only one, and has all."""
    return max(1, slots // 2) if targets > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A claimed delivery and the sender that it goes out on."""

    job: Job
    sender: Channel


@dataclass(slots=True, kw_only=True)
class _Lane:
    """One channel: who waits for a slot, and how many of each target are in flight."""

    slots: int = 1
    targets: int = 1
    line: deque[Sending] = field(default_factory=deque)
    in_flight: dict[int, int] = field(default_factory=dict)

    @property
    def taken(self) -> int:
        return len(self.line) + sum(self.in_flight.values())

    def next(self) -> Sending | None:
        """The first in line that may begin: one of several targets has at most half of the slots."""
        if sum(self.in_flight.values()) >= self.slots:
            return None
        share = share_of(self.slots, self.targets)
        for place, sending in enumerate(self.line):
            if share is None or self.in_flight.get(sending.job.target, 0) < share:
                del self.line[place]
                return sending
        return None


class Sends:
    """Starts what is in line as slots become free. `send` is the whole of one send, and says how it ended."""

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
        self._needs: dict[str, Quiet] = {}

    @property
    def in_flight(self) -> tuple[asyncio.Task[Ended], ...]:
        return tuple(self._tasks)

    @property
    def in_line(self) -> bool:
        return any(lane.line for lane in self._lanes.values())

    @property
    def waits_to_be_recorded(self) -> int:
        return len(self._ended)

    def free(self, channel: str, *, slots: int, targets: int) -> int:
        """How many more may be claimed for a channel that has so many slots and targets."""
        lane = self._lanes.setdefault(channel, _Lane())
        lane.slots, lane.targets = slots, targets
        if self._waits_for_quiet(channel) or any(_goes_alone(sending, channel) for sending in self._all()):
            return 0
        return max(0, slots * (1 + AHEAD) - self._claimed(channel))

    def wait_for(self, needs: Mapping[str, Quiet]) -> None:
        """Let nothing more be claimed for these channels until it is so quiet: what must go alone has its turn then."""
        self._needs |= needs

    def _waits_for_quiet(self, channel: str) -> bool:
        self._needs = {name: needed for name, needed in self._needs.items() if self.quiet(name) < needed}
        return channel in self._needs or Quiet.PROCESS in self._needs.values()

    def quiet(self, channel: str) -> Quiet:
        """How far nothing is claimed."""
        if not self._ended and not any(lane.taken for lane in self._lanes.values()):
            return Quiet.PROCESS
        return Quiet.NOWHERE if self._claimed(channel) else Quiet.CHANNEL

    def _claimed(self, channel: str) -> int:
        """A channel's deliveries that would be sent again if this process died now, but for those given back."""
        lane = self._lanes.get(channel)
        ended = sum(ending.job.channel == channel for ending in self._ended)
        return ended + (lane.taken if lane is not None else 0)

    def add(self, sendings: Collection[Sending]) -> None:
        for sending in sendings:
            self._lanes.setdefault(sending.job.channel, _Lane()).line.append(sending)
        for channel in {sending.job.channel for sending in sendings}:
            self._begin(self._lanes[channel])

    def take(self, most: int) -> tuple[list[Ended], list[Job]]:
        """The ends of sends that are to be recorded now, in their order, and the claims that go back."""
        ended, self._ended = self._ended[:most], self._ended[most:]
        back, self._back = self._back, []
        return ended, back

    def put_back(self, ended: list[Ended], back: list[Job]) -> None:
        """Take an end back that could not be recorded, to record it again unless its lease is over by then."""
        now = self._now()
        self._ended = [sending for sending in ended if now < sending.job.claimed_at + LEASE] + self._ended
        self._back = [job for job in back if now < job.claimed_at + LEASE] + self._back

    def give_up(self, senders: Collection[Channel] | None = None) -> int:
        """Let nothing in line begin (on these senders); how many there were."""
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
        """The sends that are in flight on these senders."""
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


def _goes_alone(sending: Sending, channel: str) -> bool:
    """Whether nothing may be claimed for this channel while that is here."""
    quiet = sending.job.quiet
    return quiet is Quiet.PROCESS or (quiet is Quiet.CHANNEL and sending.job.channel == channel)


async def attempt(channel: Channel, job: Job, *, deadline: Duration = DEADLINE) -> Receipt | SendError:
    """Send, within the deadline. A channel's defect is a transient failure: people correct it, and the alert waits."""
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
