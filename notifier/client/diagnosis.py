"""Diagnosis of missing reports: the settings, the destination, the counts, and a test report.

    print(notifier.diagnose())

`notifier doctor client` prints the same for the environment that it runs in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from notifier.client.capture import json_safe
from notifier.client.transport import Counts, NullTransport

if TYPE_CHECKING:
    from pathlib import Path

    from notifier.client.capture.reporting import Reporting
    from notifier.client.dispatch.processes import Process
    from notifier.client.tasks.tracking import RunTracker

Service = Literal["answers", "refuses", "away", "stranger", "not asked"]
Fate = Literal["taken", "waits", "dropped", "kept here", "not sent"]
WORDS: Final = "a test report of `diagnose()`: it is stored, and told to nobody"

NOWHERE: Final = "nowhere"

REASONS: Final[Mapping[str, str]] = {
    "ignored": "of a class in `ignore`",
    "sampled": "left out by `sample_rate`",
    "before_send": "kept back by `before_send`",
    "before_send_failed": "`before_send` raised, so that they were kept back: see the log of notifier.client",
    "queue_full": "captured faster than they could be written",
    "spool_full": "the spool was full, or its disk would not take them",
    "expired": "the service was away for longer than they are kept",
    "rejected": "the service could not read them: see the log of notifier.client",
    "too_large": "too large for the service, even without what is large in them",
    "unauthorised": "the service refused the key",
    "corrupt": "their file was damaged or removed",
    "killed": "their process was killed before they were written",
    "unreadable": "they could not be made into a report",
    "closed": "reported after `close()`",
    "other": "for another reason",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`origin` is `argument`, `default` or an environment variable. `problem` says why the value is not used."""

    name: str
    value: str
    origin: str
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """`str()` gives the text for people. `advice` lists what to do, in order; it is empty if all is well.

    `watched` is what is reported automatically; other failures need `report()` or `message()`. `service` is the
    result of asking the service, and `why` its explanation. `counts` are this process's, `others` those of processes
    with the same spool. `test` is the result of the test report.
    """

    settings: tuple[Setting, ...]
    destination: str
    spool: str | None
    service: Service
    why: str
    watched: tuple[str, ...]
    counts: Counts
    others: tuple[Process, ...]
    test: Fate
    test_id: str | None
    test_reason: str | None
    advice: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        return not self.advice

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "healthy": self.healthy}

    def __str__(self) -> str:
        return "\n".join(_lines(self))


class Diagnosed(Protocol):
    """The parts of the notifier that a diagnosis uses."""

    @property
    def reporting(self) -> Reporting: ...
    @property
    def tracker(self) -> RunTracker: ...
    def message(self, text: str, *, severity: str = ...) -> str | None: ...
    def flush(self, timeout: float) -> bool: ...
    def counts(self) -> Counts: ...


def of(notifier: Diagnosed, *, test: bool, timeout: float) -> Diagnosis:
    """Asks the service, sends a test report if `test` is set, and returns the diagnosis. Blocks."""
    transport = notifier.reporting.transport
    service, why = _ask_service(transport, timeout)
    before, folder = notifier.counts(), getattr(transport, "folder", None)
    others = () if folder is None else _others(notifier, folder)
    fate, event_id, reason = (
        _send_test(notifier, before, service, timeout) if test else ("not sent", None, None)
    )
    diagnosis = Diagnosis(
        settings=tuple(_settings(notifier)),
        destination=_destination(notifier),
        spool=None if folder is None else str(folder),
        service=service,
        why=why,
        watched=tuple(_watched(notifier)),
        counts=notifier.counts(),
        others=others,
        test=fate,
        test_id=event_id,
        test_reason=reason,
        advice=(),
    )
    return replace(diagnosis, advice=tuple(_advice(diagnosis)))


def _watched(notifier: Diagnosed) -> Iterator[str]:
    yield from sorted(notifier.reporting.watched)
    declared = notifier.tracker.declared
    if declared:
        yield f"{declared} task{'s' if declared > 1 else ''} of @notifier.task"


def _others(notifier: Diagnosed, folder: Path) -> tuple[Process, ...]:
    from notifier.client.dispatch.processes import processes  # noqa: PLC0415 - only needed if something is sent

    own = getattr(notifier.reporting.transport, "process", "")
    return tuple(process for process in processes(folder) if process.name != own)


def _ask_service(transport: object, timeout: float) -> tuple[Service, str]:
    inquire = getattr(transport, "inquire", None)
    if inquire is None:
        return "not asked", ""
    answer = inquire(timeout)
    meanings: dict[str, Service] = {"refused": "refuses", "unexpected_server": "stranger", "retry": "away"}
    # The service responds that there are no events, after it has checked the key.
    service = meanings.get(answer.meaning, "answers")
    return service, "" if service == "answers" else answer.why


def _send_test(
    notifier: Diagnosed, before: Counts, service: Service, timeout: float
) -> tuple[Fate, str | None, str | None]:
    """Sends a test report the usual way, and returns its result."""
    transport = notifier.reporting.transport
    if isinstance(transport, NullTransport):
        return "not sent", None, None
    event_id = notifier.message(WORDS, severity="none")
    until = time.monotonic() + (timeout if service == "answers" else 0.5)
    while not notifier.flush(max(0.0, until - time.monotonic())) and time.monotonic() < until:
        time.sleep(0.05)
    after = notifier.counts()
    grown = [reason for reason, n in after.dropped.items() if n > before.dropped.get(reason, 0)]
    if grown:
        return "dropped", event_id, grown[0]
    if getattr(transport, "inquire", None) is None:
        return "kept here", event_id, None
    return ("waits" if after.spooled else "taken"), event_id, None


def _settings(notifier: Diagnosed) -> Iterator[Setting]:
    options = notifier.reporting.options
    key = None if options.key is None else f"set, {len(options.key)} characters"
    for name, value in (
        ("service", options.service), ("url", options.url), ("key", key), ("environment", options.environment),
        ("release", options.release), ("host", options.host),
    ):  # fmt: skip
        problem = options.problems.get(name)
        yield Setting(
            name=name,
            value=value or ("given, and not usable" if problem else "not set"),
            origin=options.origins.get(name, "default"),
            problem=problem,
        )
    for name, value, default in (
        ("in_app", ", ".join(options.in_app) or "nothing that is installed", None),
        ("ignore", ", ".join(map(_named, options.ignore)), ""),
        ("sample_rate", f"{options.sample_rate:g}", "1"),
        ("before_send", "" if options.before_send is None else _named(options.before_send), ""),
    ):
        if value != default:
            yield Setting(name=name, value=value, origin="default" if default is None else "argument")


def _named(value: object) -> str:
    if isinstance(value, str):
        return value
    name = getattr(value, "__qualname__", None)
    return (
        f"{getattr(value, '__module__', '')}.{name}".removeprefix("builtins.")
        if name
        else json_safe.type_name(value)
    )


def _destination(notifier: Diagnosed) -> str:
    if isinstance(notifier.reporting.transport, NullTransport):
        return NOWHERE
    url = getattr(notifier.reporting.transport, "url", None)
    if isinstance(url, str):
        return url
    if not notifier.tracker.waits_between_retries:
        return "the memory of this process, because it is a test run"
    return f"a transport of the application's own, {json_safe.type_name(notifier.reporting.transport)}"


def _advice(diagnosis: Diagnosis) -> Iterator[str]:
    values = {setting.name: setting for setting in diagnosis.settings}
    if diagnosis.destination == NOWHERE:
        yield from _unset(values)
    match diagnosis.service:
        case "refuses":
            yield (
                f"The service refuses the key ({diagnosis.why}): give it one of the scope `ingest`; "
                "`notifier keys create` makes one."
            )
        case "stranger":
            yield (
                f"What answers at {diagnosis.destination} is no notifier ({diagnosis.why}): "
                "set NOTIFIER_URL to the service."
            )
        case "away" if "CERTIFICATE_VERIFY_FAILED" in (diagnosis.why or ""):
            yield (
                f"The certificate of {diagnosis.destination} is not trusted here ({diagnosis.why}): let SSL_CERT_FILE "
                "name a file with the authority that vouches for it, in the environment of the application. "
                "Reports wait meanwhile."
            )
        case "away":
            yield (
                f"The service cannot be reached ({diagnosis.why}): start it, or set NOTIFIER_URL to where it is. "
                "Reports wait meanwhile."
            )
        case _:
            pass
    if diagnosis.test == "waits" and diagnosis.service == "answers":
        yield "The test report still waits though the service answers: look again in a minute."
    if diagnosis.test == "dropped":
        reason = REASONS.get(diagnosis.test_reason or "", REASONS["other"])
        yield f"The test report was dropped ({diagnosis.test_reason}: {reason})."


def _unset(values: Mapping[str, Setting]) -> Iterator[str]:
    for name in ("url", "key"):
        setting = values[name]
        if setting.problem:
            yield f"`{name}` ({setting.origin}) is given, but {setting.problem}."
        elif setting.value == "not set":
            more = " or NOTIFIER_KEY_FILE" if name == "key" else ""
            yield f"Set NOTIFIER_{name.upper()}{more}, or pass `{name}`: without it nothing is sent."


def _lines(diagnosis: Diagnosis) -> Iterator[str]:
    yield "Settings"
    widest = max(len(setting.value) for setting in diagnosis.settings)
    for setting in diagnosis.settings:
        yield f"  {setting.name:<13}{setting.value:<{min(widest, 60)}}  {setting.origin}"
        if setting.problem:
            yield f"  {'':<13}{setting.problem}"
    yield ""
    yield (
        "Reports go nowhere."
        if diagnosis.destination == NOWHERE
        else f"Reports go to {diagnosis.destination}."
    )
    if diagnosis.spool:
        yield f"Until the service has taken them they are in {diagnosis.spool}."
    yield _SERVICE[diagnosis.service].format(why=diagnosis.why)
    yield ""
    watched = ", ".join(diagnosis.watched)
    yield f"It watches {watched or 'nothing by itself: see instrument(app) and logging_handler()'}."
    counts = diagnosis.counts
    yield f"This process {_counts_sentence(counts)}"
    yield from _dropped(counts)
    for process in diagnosis.others:
        yield of_process(process)
        yield from _dropped(process.counts)
    yield _test(diagnosis)
    yield ""
    if diagnosis.healthy:
        yield "All is well: reports arrive. Who was told of one, or why nobody was, `notifier explain ID` says."
    else:
        yield "What to do"
        yield from (f"  {n}. {sentence}" for n, sentence in enumerate(diagnosis.advice, start=1))


def of_process(process: Process) -> str:
    state = "which lives," if process.alive else "which has ended,"
    return f"Process {process.name}, {state} {_counts_sentence(process.counts)}"


def _counts_sentence(counts: Counts) -> str:
    dropped = sum(counts.dropped.values())
    return f"captured {counts.captured}: {counts.sent} sent, {counts.spooled} waiting, {dropped} dropped."


def _dropped(counts: Counts) -> Iterator[str]:
    for reason, n in sorted(counts.dropped.items(), key=lambda item: -item[1]):
        yield f"  {n} {reason}: {REASONS.get(reason, REASONS['other'])}"


_SERVICE: Final[Mapping[Service, str]] = {
    "answers": "The service answers, and takes the key.",
    "refuses": "The service answers, and refuses the key ({why}).",
    "away": "The service does not answer, or is too busy ({why}).",
    "stranger": "Something answers there that is no notifier ({why}).",
    "not asked": "No service was asked.",
}


def _test(diagnosis: Diagnosis) -> str:
    match diagnosis.test:
        case "taken":
            return (
                f"The test report has arrived: the service has it as {diagnosis.test_id}, and tells nobody."
            )
        case "waits":
            return f"The test report {diagnosis.test_id} waits for the service."
        case "dropped":
            return f"The test report was dropped: {diagnosis.test_reason}."
        case "kept here":
            return "The test report was taken here, and left for nowhere."
        case _:
            return "No test report was sent."
