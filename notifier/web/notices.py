"""Notices shown after an act.

Addresses contain the name of a notice and numbers, so nobody else can choose the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from notifier.wording.text import counted, number

_GIVEN = re.compile(r"([a-z_]{1,40})((?:\.[0-9]{1,7}){0,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A sentence about what was done, and the act that undoes it, if there is one."""

    text: str
    undo: str | None = None


_NOTICES: Mapping[str, Notice] = {
    "acknowledge": Notice(text="It is yours: repeats and escalation stop.", undo="unacknowledge"),
    "take_over": Notice(text="You have taken it over.", undo="unacknowledge"),
    "unacknowledge": Notice(text="It counts as open again.", undo="acknowledge"),
    "snooze": Notice(text="Snoozed: no alerts until then, except when it is resolved.", undo="unsnooze"),
    "unsnooze": Notice(text="The snooze is over."),
    "resolve": Notice(text="Resolved: everybody who was alerted is told.", undo="reopen"),
    "reopen": Notice(text="It is open again."),
    "note": Notice(text="The note is in the timeline."),
    "silence": Notice(text="Silenced. When the silence ends, incidents that are still open are sent."),
    "test_sent": Notice(text="The test event was accepted and committed."),
    "session_ended": Notice(text="The session has ended."),
    "redeliver": Notice(text="It is being sent again."),
    "change_silence": Notice(
        text="The silence was changed: incidents that it no longer holds are decided again."
    ),
    "end_silence": Notice(text="Ended: incidents that it held and that are still open are sent."),
    "reload": Notice(text="The configuration was reloaded."),
    "reload_unchanged": Notice(text="The file has not changed."),
    "reload_refused": Notice(text="The file has problems; the previous configuration stays in use."),
    "forget_monitor": Notice(text="This monitor is no longer watched."),
    "replay": Notice(text="The run will be replayed by a process that has its task."),
}


_COUNTED: Mapping[str, Callable[[int], str]] = {
    "redelivered": lambda count: f"{counted(count, 'dead letter')} sent again.",
    "discarded": lambda count: f"{counted(count, 'dead letter')} discarded.",
    "release": lambda count: f"Released: pending messages are sent now ({number(count)}).",
}


_MANY: Mapping[str, tuple[str, str]] = {
    "bulk_acknowledge": ("You have", "repeats and escalation stop"),
    "bulk_snooze": ("Snoozed", "no alerts until then, except when they are resolved"),
    "bulk_resolve": ("Resolved", "everybody who was alerted is told"),
}
"""The notices of bulk acts: what was done, and its consequence."""


def encode(name: str, counts: tuple[int, ...]) -> str:
    """A notice as it is written in an address."""
    return ".".join([name, *map(str, counts)])


def notice_of(text: str) -> Notice | None:
    """The notice in an address, or None if it is invalid."""
    found = _GIVEN.fullmatch(text)
    if found is None:
        return None
    counts = [int(count) for count in found[2].split(".") if count]
    if found[1] in _MANY and len(counts) == 2:
        done, skipped = counts
        what, then = _MANY[found[1]]
        verb = "was left as it was" if skipped == 1 else "were left as they were"
        left = f" {number(skipped)} {verb}: over, taken by somebody else, or done already." if skipped else ""
        follows = f": {then}" if done else ""
        return Notice(text=f"{what} {counted(done, 'incident')}{follows}.{left}")
    if found[1] in _COUNTED and len(counts) == 1:
        return Notice(text=_COUNTED[found[1]](counts[0]))
    return _NOTICES.get(found[1])
