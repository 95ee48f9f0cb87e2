"""Escalation, inhibition and time intervals as written become what the policy reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from notifier.domain.calendar import Hours, Weekly
from notifier.domain.route import Step, TimeInterval
from notifier.domain.time import HOUR, MINUTE
from notifier.settings.model import Settings

LoadText = Callable[..., Settings]
Wrong = Callable[..., list[str]]

START = "channels: {a: {type: t}, b: {type: t}, c: {type: t}}\nfallback: c\n"
ROUTE = "route: {channels: [a, b]}\n"
OFFHOURS = """\
time_intervals:
  - name: offhours
    time_intervals:
      - weekdays: ['monday:friday']
        times: [{start_time: 17:00, end_time: '09:00'}]
        location: Europe/Berlin
      - weekdays: [Saturday, sunday]
        location: Europe/Berlin
  - {name: always, time_intervals: [{}]}
"""
NIGHTS = TimeInterval(
    name="offhours",
    windows=(
        Weekly(weekdays=(0, 1, 2, 3, 4), times=(Hours(start=1020, end=540),), location="Europe/Berlin"),
        Weekly(weekdays=(5, 6), location="Europe/Berlin"),
    ),
)
ALWAYS = TimeInterval(name="always", windows=(Weekly(),))


def test_steps_are_inherited_and_can_be_ended(load_text: LoadText) -> None:
    """Each has its line; a channel that the route tells already is allowed; an empty list is none."""
    root = load_text(
        START + "route:\n  channels: [a]\n  escalate:\n    - {after: 15m, channels: [b]}\n"
        "    - {after: 1h, channels: [a, c]}\n"
        "  routes:\n    - {match: [x=1]}\n    - {match: [x=2], escalate: []}\n"
    ).route
    steps = (
        Step(after=15 * MINUTE, channels=("b",), line="n.yaml:6"),
        Step(after=HOUR, channels=("a", "c"), line="n.yaml:7"),
    )
    assert [one.escalate for one in root.walk()] == [steps, steps, ()]


def test_intervals_are_inherited_and_can_be_ended(load_text: LoadText) -> None:
    """As everything but match and routes is, though Alertmanager's are not; the root may have them as well."""
    root = load_text(
        START + OFFHOURS + "route:\n  channels: [a]\n  mute_time_intervals: [offhours, always]\n"
        "  active_time_intervals: [always]\n"
        "  routes:\n    - {match: [x=1]}\n    - {match: [x=2], mute_time_intervals: []}\n"
    ).route
    assert [one.mute_times for one in root.walk()] == [(NIGHTS, ALWAYS), (NIGHTS, ALWAYS), ()]
    assert {one.active_times for one in root.walk()} == {(ALWAYS,)}


def test_a_route_s_key_does_not_depend_on_them(load_text: LoadText) -> None:
    """A reload that changes hours or steps keeps the groups."""
    more = (
        "route: {channels: [a, b], escalate: [{after: 1m, channels: [b]}], mute_time_intervals: [always]}\n"
    )
    assert load_text(START + ROUTE).route.key == load_text(START + OFFHOURS + more).route.key


def test_rules_of_inhibition(load_text: LoadText) -> None:
    """Matchers on both sides, and the labels that must be equal; none without `equal`."""
    one, other = load_text(
        START + ROUTE + "inhibit:\n  - source: ['severity=\"critical\"']\n"
        '    target: [severity=~"warning|info", \'environment="production"\']\n    equal: [service, host]\n'
        "  - {source: [alert=down], target: [host=~.+]}\n"
    ).inhibit
    assert [str(matcher) for matcher in one.source] == ['severity="critical"']
    assert [str(matcher) for matcher in one.target] == [
        'severity=~"warning|info"',
        'environment="production"',
    ]
    assert (one.equal, one.line) == (("service", "host"), "n.yaml:5")
    assert (other.equal, other.line) == ((), "n.yaml:8")


def test_a_rule_s_key_depends_on_its_three_parts_alone(load_text: LoadText) -> None:
    """Its place, the order inside and other rules may change; source and target are not the same."""

    def keys(rules: str) -> list[str]:
        return [one.key for one in load_text(f"{START}{ROUTE}inhibit: [{rules}]\n").inhibit]

    (key,) = keys("{source: [a=1, b=2], target: [c=3], equal: [x, y]}")
    others = "{source: [q=1], target: [r=2]}, {source: [a=1, b=2], target: [c=3], equal: [x]}"
    swapped = "{source: [c=3], target: [b=2, a=1], equal: [x, y]}"
    found = keys(f"{others}, {swapped}, {{equal: [y, x], target: ['c = \"3\"'], source: [b=2, a=1]}}")
    assert found[3] == key
    assert len(set(found)) == 4


def test_no_rules_by_default(load_text: LoadText) -> None:
    assert load_text("").inhibit == ()
    assert load_text(f"{START}{ROUTE}inhibit:\ntime_intervals:\n").inhibit == ()


@pytest.mark.parametrize(
    ("rule", "warned"),
    [
        ("{source: [severity=critical], target: [severity=warning]}", True),
        ("{source: [severity=critical], target: [severity=warning], equal: [service]}", False),
        ("{source: [severity=critical, service=db], target: [severity=warning]}", False),
    ],
)
def test_one_incident_that_holds_a_whole_project_is_a_warning(
    load_text: LoadText, rule: str, warned: bool
) -> None:
    """Allowed, but hardly meant."""
    found = load_text(f"{START}{ROUTE}inhibit: [{rule}]\n").warnings
    assert [one.message.partition(" one such")[0] for one in found] == (
        ["inhibit[0]: without `equal`"] if warned else []
    )


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("^5", "route.escalate: expected a list, such as [{after: 15m, channels: [audit]}]"),
        ("[^5]", "route.escalate[0]: expected a mapping of keys and values"),
        ("[^{}]", "route.escalate[0]: `after` is missing: write it as {after: 15m, channels: [audit]}"),
        ("[^{after: 1m}]", "route.escalate[0]: `channels` is missing: write it as {after: 15m"),
        ("[^{channels: [a]}]", "route.escalate[0]: `after` is missing"),
        ("[{after: 1m, channels: ^[]}]", "route.escalate[0].channels: no channel is named, so this step"),
        ("[{after: 1m, channels: [^d]}]", "route.escalate[0].channels[0]: `d` is not a channel that"),
        ("[{after: 1m, channels: [a, ^a]}]", "route.escalate[0].channels[1]: `a` is named twice"),
        ("[{after: ^0s, channels: [a]}]", "route.escalate[0].after: expected a duration longer than 0"),
        ("[{after: ^soon, channels: [a]}]", "route.escalate[0].after: expected a duration such as"),
        ("[{after: 1m, channels: [a], ^to: b}]", "route.escalate[0]: unknown key `to`; expected one of"),
        (
            "[{after: 2m, channels: [a]}, ^{after: 2m, channels: [b]}]",
            "route.escalate[1]: `after` must be longer than in the step before",
        ),
    ],
)
def test_what_is_wrong_with_steps_has_its_place_and_sentence(
    wrong: Wrong, written: str, problem: str
) -> None:
    """Where, what, and what to do."""
    refused(wrong, f"{START}route: {{channels: [a, b], escalate: {written}}}\n", problem)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("^5", "inhibit: expected a list, such as - {source: ['severity=\"critical\"'], target:"),
        ("[^5]", "inhibit[0]: expected a mapping of keys and values"),
        ("[^{source: [a=b]}]", "inhibit[0]: `target` is missing: write it as {source: ['severity="),
        ("[^{target: [a=b]}]", "inhibit[0]: `source` is missing"),
        ("[{source: ^[], target: [a=b]}]", "inhibit[0].source: an empty list would take every incident"),
        ("[{source: [a=b], target: ^[]}]", "inhibit[0].target: an empty list would take every"),
        ("[{source: [^a], target: [a=b]}]", "inhibit[0].source[0]: no operator follows the label's"),
        ("[{source: [^'a=~(x'], target: [a=b]}]", "inhibit[0].source[0]: the regular expression does"),
        ("[{source: ^a=b, target: [a=c]}]", "inhibit[0].source: expected a list, such as ['severity="),
        (
            "[{source: [a=b], target: [a=c], equal: ^d}]",
            "inhibit[0].equal: expected a list, such as [ser",
        ),
        ("[{source: [a=b], target: [a=c], equal: [d, ^d]}]", "inhibit[0].equal[1]: `d` is named twice"),
        (
            "[{^source_matchers: [a=b], source: [a=b], target: [a=c]}]",
            "inhibit[0]: unknown key `source_matchers`; here it is called `source`",
        ),
        (
            "[{source: [a=b], target: [a=c]}, ^{target: ['a=\"c\"'], source: [a=b]}]",
            "inhibit[1]: the same rule as in n.yaml:4: remove one",
        ),
    ],
)
def test_what_is_wrong_with_rules_has_its_place_and_sentence(
    wrong: Wrong, written: str, problem: str
) -> None:
    """Where, what, and what to do."""
    refused(wrong, f"{START}{ROUTE}inhibit: {written}\n", problem)


NAMED = "time_intervals[0]"
WINDOW = f"{NAMED}.time_intervals[0]"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (
            "{weekdays: ^[]}",
            f"{WINDOW}.weekdays: the list is empty: write one such as ['monday:friday']",
        ),
        ("{weekdays: ^monday}", f"{WINDOW}.weekdays: expected a list, such as ['monday:friday']"),
        ("{weekdays: [^mondey]}", f"{WINDOW}.weekdays[0]: expected a weekday such as monday, or a range"),
        ("{weekdays: [^1]}", f"{WINDOW}.weekdays[0]: expected a weekday such as monday, or a range"),
        ("{weekdays: [^'monday:']}", f"{WINDOW}.weekdays[0]: expected a weekday such as monday"),
        ("{times: ^[]}", f"{WINDOW}.times: the list is empty: write one such as"),
        ("{times: [^09:00]}", f"{WINDOW}.times[0]: expected a mapping of keys and values"),
        ("{times: [^{start_time: '09:00'}]}", f"{WINDOW}.times[0]: `end_time` is missing: write it as"),
        (
            "{times: [{start_time: ^'9:00', end_time: '10:00'}]}",
            f"{WINDOW}.times[0].start_time: expected a time of day such as 09:00 or 17:30",
        ),
        (
            "{times: [{start_time: ^'24:00', end_time: '10:00'}]}",
            f"{WINDOW}.times[0].start_time: a window begins at 23:59 at the latest",
        ),
        (
            "{times: [{start_time: '09:00', end_time: ^'24:01'}]}",
            f"{WINDOW}.times[0].end_time: expected a time of day such as",
        ),
        ("{location: ^Europe/Berlni}", f"{WINDOW}.location: there is no time zone of this name: write"),
        ("{location: ^Europe}", f"{WINDOW}.location: there is no time zone of this name"),
        ("{location: ^../../etc/passwd}", f"{WINDOW}.location: there is no time zone of this name"),
        ("{location: ^Local}", f"{WINDOW}.location: there is no time zone of this name"),
        ("{days_of_month: [^'0']}", f"{WINDOW}.days_of_month[0]: a day of the month is 1 to 31, or -1"),
        ("{days_of_month: ['1:5', ^'5:1']}", f"{WINDOW}.days_of_month[1]: a range of days begins before"),
        ("{days_of_month: ^'1:5'}", f"{WINDOW}.days_of_month: expected a list, such as ['1:5', '-1']"),
        ("{months: [^juno]}", f"{WINDOW}.months[0]: expected a month such as may or 5, or a range"),
        ("{months: ^[]}", f"{WINDOW}.months: the list is empty: write one such as ['january:march']"),
        ("{years: [^'27']}", f"{WINDOW}.years[0]: years are 1970 to 9000"),
        ("{holidays: [^dee]}", f"{WINDOW}.holidays[0]: `dee` is no list of `holidays`; did you mean `de`?"),
        ("{except_holidays: [de, ^sk-live$]}", f"{WINDOW}.except_holidays[1]: this name is no list of"),
        ("{^holiday: [de]}", f"{WINDOW}: unknown key `holiday`; did you mean `holidays`?"),
        (
            "{^days: [monday]}",
            f"{WINDOW}: unknown key `days`; did you mean `weekdays`?",
        ),
        ("^5", f"{WINDOW}: expected a mapping of keys and values"),
    ],
)
def test_what_is_wrong_with_windows_has_its_place_and_sentence(
    wrong: Wrong, written: str, problem: str
) -> None:
    """Where, what, and what to do; never the value itself, and no second complaint by who names it."""
    text = f"{START}holidays: {{de: [2026-12-25]}}\nroute: {{channels: [a, b], mute_time_intervals: [n]}}\n"
    refused(wrong, f"{text}time_intervals: [{{name: n, time_intervals: [{written}]}}]\n", problem)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("^[2026-12-25]", "holidays: expected a mapping of keys and values"),
        ("{de: ^2026-12-25}", "holidays.de: expected a list, such as [2026-12-25]"),
        ("{de: ^[]}", "holidays.de: the list is empty: write one such as [2026-12-25]"),
        ("{de: [2026-12-25, ^2026-02-30]}", "holidays.de[1]: expected a date such as 2026-12-25"),
        ("{de: [^20261225]}", "holidays.de[0]: expected a date such as 2026-12-25"),
    ],
)
def test_what_is_wrong_with_holidays_has_its_place_and_sentence(
    wrong: Wrong, written: str, problem: str
) -> None:
    """And windows that name the list raise no second problem."""
    route = "route: {channels: [a, b], mute_time_intervals: [n]}\n"
    windows = "time_intervals: [{name: n, time_intervals: [{holidays: [de]}]}]\n" if "{de" in written else ""
    text = f"{START}{route if windows else ROUTE}"
    refused(wrong, f"{text}holidays: {written}\n{windows}", problem)


def test_windows_by_dates(load_text: LoadText) -> None:
    """Alertmanager's syntax, and named lists of dates."""
    settings = load_text(
        f"{START}holidays:\n  de: [2026-12-25, '2026-12-26']\n  fr: [2026-07-14]\n"
        "time_intervals:\n"
        "  - name: n\n"
        "    time_intervals:\n"
        "      - days_of_month: ['1:5', '-3:-1', 15]\n"
        "        months: ['january:march', '5', december]\n"
        "        years: ['2026:2028', 2030]\n"
        "        except_holidays: [de, fr]\n"
        "      - {holidays: [de]}\n"
        "route: {channels: [a, b], mute_time_intervals: [n]}\n"
    )
    first, second = settings.route.mute_times[0].windows
    assert first.days_of_month == ((-3, -1), (1, 5), (15, 15))
    assert first.months == (1, 2, 3, 5, 12)
    assert first.years == ((2026, 2028), (2030, 2030))
    assert first.never_on == {date(2026, 12, 25), date(2026, 12, 26), date(2026, 7, 14)}
    assert second.only_on == frozenset({date(2026, 12, 25), date(2026, 12, 26)})
    assert second.never_on == frozenset()


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("^5", "time_intervals: expected a list, such as - {name: offhours, time_intervals:"),
        ("[^5]", "time_intervals[0]: expected a mapping of keys and values"),
        ("[^{name: n}]", f"{NAMED}: `time_intervals` is missing: write it as {{name: offhours"),
        ("[^{time_intervals: [{}]}]", f"{NAMED}: `name` is missing: write it as {{name: offhours"),
        ("[{name: n, time_intervals: ^[]}]", f"{NAMED}.time_intervals: the list is empty: write one"),
        ("[{name: ^5, time_intervals: [{}]}]", f"{NAMED}.name: expected text on one line"),
        (
            "[{name: n, time_intervals: [{}], ^times: []}]",
            f"{NAMED}: unknown key `times`; expected one of name,",
        ),
        (
            "[{name: n, time_intervals: [{}]}, ^{name: n, time_intervals: [{}]}]",
            "time_intervals[1]: `n` is here for the second time; the first is in line 4",
        ),
    ],
)
def test_what_is_wrong_with_intervals_has_its_place_and_sentence(
    wrong: Wrong, written: str, problem: str
) -> None:
    """Where, what, and what to do."""
    refused(wrong, f"{START}{ROUTE}time_intervals: {written}\n", problem)


@pytest.mark.parametrize("key", ["mute_time_intervals", "active_time_intervals"])
@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("offhours", "expected a list, such as [offhours]"),
        ("[ofhours]", "`ofhours` is not one of `time_intervals`; did you mean `offhours`?"),
        ("[zzz]", "`zzz` is not one of `time_intervals`; expected one of always, offhours"),
        ("[always, always]", "`always` is named twice"),
        ("[5]", "expected text on one line"),
    ],
)
def test_what_routes_name_must_be_there(wrong: Wrong, key: str, written: str, problem: str) -> None:
    """At any route, with its place."""
    found = wrong(f"{START}{OFFHOURS}route: {{channels: [a, b], routes: [{{{key}: {written}}}]}}\n")
    assert len(found) == 1
    assert found[0].startswith("n.yaml:12:")
    assert problem in found[0]


def test_everything_that_is_wrong_is_shown_at_once(wrong: Wrong) -> None:
    """Of all sections, in the order of the file."""
    found = wrong(
        START + "time_intervals:\n  - {name: n, time_intervals: [{location: Atlantis, weekdays: [mondey]}]}\n"
        "inhibit:\n  - {source: [], target: [x]}\n"
        "route: {channels: [a, b], mute_time_intervals: [m], escalate: [{after: 0, channels: [d]}]}\n"
    )
    places = [one.split(": ")[1] for one in found]
    assert places == [
        f"{WINDOW}.location",
        f"{WINDOW}.weekdays[0]",
        "inhibit[0].source",
        "inhibit[0].target[0]",
        "route.mute_time_intervals[0]",
        "route.escalate[0].after",
        "route.escalate[0].channels[0]",
    ]


def refused(wrong: Wrong, text: str, problem: str) -> None:
    """The problem is shown where the text has its `^`, and hardly anything beside it."""
    before = text.partition("^")[0]
    place = f"n.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    found = wrong(text.replace("^", ""))
    assert [one for one in found if one.startswith(f"{place}: {problem}")], found
    assert len(found) <= 2
