"""The routing tree as written becomes the tree with everything inherited."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from notifier.domain.route import Route, Threshold
from notifier.domain.time import HOUR, MINUTE, SECOND
from notifier.settings.model import Settings

LoadText = Callable[..., Settings]
Wrong = Callable[..., list[str]]

CHANNELS = "channels: {a: {type: t}, b: {type: t}, c: {type: t}}\nfallback: c\n"


def tree(load_text: LoadText, text: str) -> Route:
    return load_text(CHANNELS + text).route


def test_defaults(load_text: LoadText) -> None:
    """Those of the documentation: 10s, 5m, 4h, by service and environment, resolved is told."""
    root = tree(load_text, "route: {channels: [a, b]}\n")
    assert root.channels == ("a", "b")
    assert root.group_by == ("service", "environment")
    assert (root.group_wait, root.group_interval, root.repeat_interval) == (10 * SECOND, 5 * MINUTE, 4 * HOUR)
    assert root.send_resolved is True
    assert root.notify_after is None
    assert root.match == ()
    assert root.routes == ()
    assert (root.name, root.line) == ("default", "n.yaml:3")


def test_children_inherit_everything_but_match_continue_and_routes(load_text: LoadText) -> None:
    """What a child does not write, it has from its parent, at any depth."""
    root = tree(
        load_text,
        """\
route:
  channels: [a]
  group_by: [incident]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 3s
  send_resolved: false
  notify_after: {events: 5, within: 1m}
  routes:
    - match: ['x="1"']
      continue: true
      routes:
        - match: ['y="1"', 'z=~"a|b"']
        - channels: [b, c]
          group_by: []
          group_wait: 0
          group_interval: 0s
          repeat_interval: 1h
          send_resolved: true
          notify_after: {events: 1, within: 2m}
""",
    )
    (child,) = root.routes
    heir, own = child.routes
    for one in (child, heir):
        assert one.channels == ("a",)
        assert one.group_by == ("incident",)
        assert (one.group_wait, one.group_interval, one.repeat_interval) == (SECOND, 2 * SECOND, 3 * SECOND)
        assert one.send_resolved is False
        assert one.notify_after == Threshold(events=5, within=MINUTE)
    assert (child.continue_, heir.continue_, own.continue_) == (True, False, False)
    assert [str(matcher) for matcher in child.match] == ['x="1"']
    assert [str(matcher) for matcher in heir.match] == ['y="1"', 'z=~"a|b"']
    assert own.match == ()
    assert own.channels == ("b", "c")
    assert own.group_by == ()
    assert (own.group_wait, own.group_interval, own.repeat_interval) == (0, 0, HOUR)
    assert own.send_resolved is True
    assert own.notify_after == Threshold(events=1, within=2 * MINUTE)


def test_names_and_lines_say_where_a_message_came_from(load_text: LoadText) -> None:
    """Matchers from the root down, and the file without its folder."""
    root = tree(
        load_text,
        "route:\n  channels: [a]\n  routes:\n    - match: ['s=\"x\"', 'e=~\"p.*\"']\n      routes:\n"
        "        - match: [t=y]\n    - channels: [b]\n",
    )
    assert [(one.name, one.line) for one in root.walk()] == [
        ("default", "n.yaml:3"),
        ('s="x", e=~"p.*"', "n.yaml:6"),
        ('s="x", e=~"p.*" > t="y"', "n.yaml:8"),
        ("any", "n.yaml:9"),
    ]


class TestKeys:
    """A route's key outlives a reload, so that its groups do."""

    def test_are_distinct(self, load_text: LoadText) -> None:
        """Siblings with equal matchers, and equal matchers at other places, are different routes."""
        root = tree(
            load_text,
            "route:\n  channels: [a]\n  routes:\n    - {match: [x=1], continue: true, channels: [b]}\n"
            "    - {match: [x=1], continue: true}\n    - {match: [x=1], routes: [{match: [x=1]}]}\n"
            "    - {}\n    - {match: [x!=1]}\n    - {match: [x=~1]}\n",
        )
        keys = [one.key for one in root.walk()]
        assert len(set(keys)) == len(keys) == 8

    def test_do_not_depend_on_anything_but_matchers(self, load_text: LoadText) -> None:
        """Lines, timing, channels, the order of matchers, and other siblings may change."""
        before = tree(load_text, "route: {channels: [a], routes: [{match: [x=1, y=2]}, {match: [z=1]}]}\n")
        after = tree(
            load_text,
            "route:\n  channels: [b]\n  group_wait: 0\n  routes:\n    - {match: [new=1]}\n"
            "    - {match: [z=1], channels: [c, a]}\n\n    - {match: ['y=\"2\"', 'x = 1'], continue: true}\n",
        )
        assert before.key == after.key
        assert before.routes[0].key == after.routes[2].key
        assert before.routes[1].key == after.routes[1].key

    def test_are_pinned(self, load_text: LoadText) -> None:
        """A release that changed them would open every group anew."""
        root = tree(load_text, "route: {channels: [a], routes: [{match: ['severity=\"critical\"']}]}\n")
        assert [one.key for one in root.walk()] == ["6a1b1872a9bbe449", "27c66cb91c7ba828"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("route: {}", "3:1: route: `channels` is missing: name the channels to tell, as in [team-mail]"),
        ("route: {group_wait: 1s}", "3:1: route: `channels` is missing"),
        ("route: [a]", "3:8: route: expected a mapping of keys and values"),
        ("route: {channels: a}", "3:19: route.channels: expected a list, such as [team-mail]"),
        (
            "route: {channels: []}",
            "3:19: route.channels: no channel is named, and what no other route takes comes here",
        ),
        ("route: {channels: [a, a]}", "3:23: route.channels[1]: `a` is named twice"),
        ("route: {channels: [[a]]}", "3:20: route.channels[0]: expected a single value, not a list"),
        ("route: {channels: [5]}", "3:20: route.channels[0]: expected text on one line"),
        (
            "route: {channels: [d]}",
            "3:20: route.channels[0]: `d` is not a channel that is defined; expected one of",
        ),
        (
            "route: {channels: [a], match: [x=1]}",
            "3:24: route.match: the first route cannot have it: everything",
        ),
        ("route: {channels: [a], continue: true}", "3:24: route.continue: the first route cannot have it"),
        (
            "route: {channels: [a], group_wiat: 1s}",
            "3:24: route: unknown key `group_wiat`; did you mean `group_wait`?",
        ),
        (
            "route: {channels: [a], receiver: b}",
            "3:24: route: unknown key `receiver`; here it is called `channels`",
        ),
        (
            "route: {channels: [a], mute_times: [n]}",
            "3:24: route: unknown key `mute_times`; here it is called `mute_time_intervals`",
        ),
        ("route: {channels: [a], group_wait: -1s}", "3:36: route.group_wait: expected a duration such as"),
        (
            "route: {channels: [a], repeat_interval: 0}",
            "3:41: route.repeat_interval: expected a duration longer",
        ),
        ("route: {channels: [a], send_resolved: 1}", "3:39: route.send_resolved: expected true or false"),
        (
            "route: {channels: [a], group_by: service}",
            "3:34: route.group_by: expected a list, such as [service,",
        ),
        ("route: {channels: [a], group_by: [x, x]}", "3:38: route.group_by[1]: `x` is named twice"),
        ("route: {channels: [a], group_by: [incident, x]}", "3:34: route.group_by: [incident] stands alone"),
        (
            "route: {channels: [a], group_by: ['...']}",
            "3:35: route.group_by[0]: `...` is not known here; [incident]",
        ),
        ("route: {channels: [a], group_by: [5]}", "3:35: route.group_by[0]: expected text on one line"),
        (
            "route: {channels: [a], notify_after: 5}",
            "3:38: route.notify_after: expected {events: 10, within: 5m}",
        ),
        ("route: {channels: [a], notify_after: {}}", "3:38: route.notify_after: `events` is missing"),
        (
            "route: {channels: [a], notify_after: {events: 5}}",
            "3:38: route.notify_after: `within` is missing",
        ),
        (
            "route: {channels: [a], notify_after: {events: 0, within: 5m}}",
            "3:47: route.notify_after.events: expected a whole number from 1 to",
        ),
        (
            "route: {channels: [a], notify_after: {events: 1, within: 0}}",
            "3:58: route.notify_after.within: expected a duration longer than 0",
        ),
        (
            "route: {channels: [a], notify_after: {events: 1, within: 1m, for: 1m}}",
            "3:62: route.notify_after: unknown key `for`; expected one of events, within",
        ),
        (
            "route: {channels: [a], routes: {match: [x=1]}}",
            "3:32: route.routes: expected a list, such as - match:",
        ),
        (
            "route: {channels: [a], routes: [b]}",
            "3:33: route.routes[0]: expected a mapping of keys and values",
        ),
        (
            "route: {channels: [a], routes: [{match: x=1}]}",
            "3:41: route.routes[0].match: expected a list, such as ['severity=\"critical\"']",
        ),
        (
            "route: {channels: [a], routes: [{match: {x: 1}}]}",
            "3:41: route.routes[0].match: expected a list, such as ['severity=\"critical\"']",
        ),
        (
            "route: {channels: [a], routes: [{match: [{x: 1}]}]}",
            "3:42: route.routes[0].match[0]: expected a single value, not a mapping",
        ),
        (
            "route: {channels: [a], routes: [{match: [5]}]}",
            "3:42: route.routes[0].match[0]: expected a matcher in quotes",
        ),
        (
            "route: {channels: [a], routes: [{match: [x]}]}",
            "3:42: route.routes[0].match[0]: no operator follows the label's name: write",
        ),
        (
            "route: {channels: [a], routes: [{match: ['x=~\"(\"']}]}",
            "3:42: route.routes[0].match[0]: the regular expression does not compile: missing ) (RE2 syntax)",
        ),
        (
            "route: {channels: [a], routes: [{routes: [{channels: [d]}]}]}",
            "3:55: route.routes[0].routes[0].channels[0]: `d` is not a channel that is defined",
        ),
        (
            "route: {channels: [a], routes: [{escalate: 1}]}",
            "3:44: route.routes[0].escalate: expected a list, such as [{after: 15m, channels: [audit]}]",
        ),
    ],
)
def test_each_kind_of_problem_has_its_place_and_sentence(wrong: Wrong, text: str, problem: str) -> None:
    """Where, what, and what to do."""
    found = wrong(CHANNELS + text + "\n")
    assert [one for one in found if one.startswith(f"n.yaml:{problem}")], found
    assert len(found) <= 2


def test_empty_keys_count_as_left_out(load_text: LoadText) -> None:
    """A key whose value is commented out inherits."""
    root = tree(
        load_text, "route:\n  channels: [a]\n  routes:\n    - match:\n      channels:\n      group_wait:\n"
    )
    assert root.routes[0].channels == ("a",)
    assert root.routes[0].match == ()


@pytest.mark.parametrize(
    ("routes", "warnings"),
    [
        (
            "[{channels: [b], continue: true}]",
            ["4:12: this route takes everything, so where no later one matches"],
        ),
        ("[{channels: [b], continue: true}, {match: [x=1]}]", ["4:12: this route takes everything, so"]),
        ("[{channels: [b], continue: true}, {}]", []),
        ("[{channels: [b, a], continue: true}]", []),
        ("[{match: [x=1], channels: [b], continue: true}]", []),
        ("[{channels: [b]}]", []),
        (
            "[{channels: [b]}, {match: [x=1]}, {}]",
            ["4:29: never reached: the route in line 4 takes everything"],
        ),
    ],
)
def test_orders_that_hardly_anybody_means_are_warnings(
    load_text: LoadText, routes: str, warnings: list[str]
) -> None:
    """A record that hides its parent, and routes behind one that takes everything."""
    text = f"{CHANNELS}route: {{channels: [a], routes:\n          {routes}}}\n"
    found = [str(one).partition("n.yaml:")[2] for one in load_text(text).warnings]
    assert len(found) == len(warnings)
    assert all(one.startswith(start) for one, start in zip(found, warnings, strict=True)), found


MAIL = "{type: email, smtp: {host: mail.example.com}, from: n@example.com, to: [a@example.com]%s}"


@pytest.mark.parametrize(
    ("limit", "route", "warned"),
    [
        ("", "{channels: [mail], group_by: [incident]}", True),
        ("", "{channels: [log], group_by: [incident], routes: [{channels: [mail]}]}", True),
        (", rate_limit: 30/hour", "{channels: [mail], group_by: [incident]}", False),
        ("", "{channels: [mail]}", False),
        ("", "{channels: [mail], routes: [{channels: [log], group_by: [incident]}]}", False),
    ],
)
def test_a_mail_for_each_incident_wants_a_limit(
    load_text: LoadText, limit: str, route: str, *, warned: bool
) -> None:
    """One outage with hundreds of causes would fill an inbox; the warning names the channel and the route."""
    text = f"channels: {{log: {{type: console}}, mail: {MAIL % limit}}}\nfallback: log\nroute: {route}\n"
    found = [str(one) for one in load_text(text).warnings if "a mail for each incident" in str(one)]
    assert len(found) == warned
    assert all("channels.mail: the route at n.yaml:3" in one for one in found), found


NOBODY = """\
route:
  channels: [a]
  escalate: [{after: 15m, channels: [b]}]
  routes:
    - match: ['x="1"']
      channels: []
      escalate: []
      routes:
        - match: ['y="1"']
        - match: ['y="2"']
          channels: []
        - match: ['y="3"']
          channels: [b]
    - match: ['x="2"']
      channels: []
"""


def test_a_route_to_nobody_is_inherited(load_text: LoadText) -> None:
    """`channels: []` is a value like any other; only where it is rarely meant is there a warning."""
    settings = load_text(CHANNELS + NOBODY)
    nobody, escalating = settings.route.routes
    assert [route.channels for route in (nobody, *nobody.routes, escalating)] == [(), (), (), ("b",), ()]
    assert [(warning.line, warning.message) for warning in settings.warnings] == [
        (
            11,
            (
                "this route inherits `channels: []` from the one in n.yaml:7, so it tells nobody: "
                "name its channels, or write `channels: []` here as well"
            ),
        ),
        (
            16,
            (
                "this route tells nobody (`channels: []`), so its `escalate` never begins: "
                "name a channel, or write `escalate: []`"
            ),
        ),
    ]


@pytest.mark.parametrize(("written", "read"), [("0", 0), ("0s", 0), ("10m", 10 * MINUTE)])
def test_resolve_after_is_inherited(load_text: LoadText, written: str, read: int) -> None:
    """How long an all-clear waits; without it, only what flaps does."""
    root = tree(
        load_text, f"route: {{channels: [a], resolve_after: {written}, routes: [{{match: ['x=\"1\"']}}]}}\n"
    )
    assert root.resolve_after == root.routes[0].resolve_after == read
    assert tree(load_text, "route: {channels: [a]}\n").resolve_after is None


def test_matchers_in_braces_are_as_if_written_one_by_one(load_text: LoadText, wrong: Wrong) -> None:
    """So is the route's key, which reloads keep; and a mistake inside has the place of the text."""
    braced = tree(
        load_text, 'route:\n  channels: [a]\n  routes: [{match: [\'{x="1", y=~"2"}\', \'z="3"\']}]\n'
    )
    single = tree(
        load_text, "route:\n  channels: [a]\n  routes: [{match: ['x=\"1\"', 'y=~\"2\"', 'z=\"3\"']}]\n"
    )
    assert braced.routes == single.routes
    found = wrong(CHANNELS + "route:\n  channels: [a]\n  routes: [{match: ['{x=\"1\", y}']}]\n")
    assert found[0].startswith("n.yaml:5:21: route.routes[0].match[0]: no operator")
