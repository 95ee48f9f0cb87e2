"""Files that are no configuration: each gets a sentence with its place, never a traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.errors import Problem
from notifier.domain.time import DAY, MINUTE
from notifier.settings.document import (
    DEEPEST,
    LARGEST_FILE,
    Path,
    PlainValues,
    SourceFile,
    composed,
    given_node,
    with_entries,
)
from notifier.settings.model import Settings
from tests.cost import costs_less_than

LoadText = Callable[..., Settings]
Wrong = Callable[..., list[str]]

GOES_ON = (
    "not valid YAML: text goes on where a value has ended; one with quotes inside stands in single quotes"
)
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + level)}: &{chr(98 + level)} [{', '.join([f'*{chr(97 + level)}'] * 10)}]\n"
    for level in range(9)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"\tserver: 1\n", "1:1: a tab is not allowed here: indent with spaces"),
        (b"server:\n\tport: 1\n", "2:1: a tab is not allowed here: indent with spaces"),
        (b"server: [1, 2\n", "2:1: not valid YAML: expected ',' or ']'"),
        (b"server: {a: 1\n", "2:1: not valid YAML: expected ',' or '}'"),
        (b"server: 'x\n", "2:1: not valid YAML: found unexpected end of stream"),
        (b'server: "\\q"\n', "1:11: not valid YAML: found unknown escape character"),
        (b"a: b: c\n", "1:5: not valid YAML: mapping values are not allowed here"),
        (b'from: "A, B" <a@b.c>\n', f"1:14: {GOES_ON}"),
        (b'to: ["A, B" <a@b.c>]\n', f"1:13: {GOES_ON}"),
        (b"server: *none\n", "1:9: not valid YAML: found undefined alias"),
        (b"a: 1\n---\nb: 2\n", "2:1: not valid YAML: but found another document"),
        (b"%YAML 3.0\n---\na: 1\n", "1:1: not valid YAML: found incompatible YAML document"),
        (b"server: @x\n", "1:9: not valid YAML: found character '@' that cannot start any token"),
        (b"server:\n  host: a\xff\n", "2:10: the file is not UTF-8: save it as UTF-8 text"),
        (b"\xff\xfes\0", "1:1: the file is not UTF-8: save it as UTF-8 text"),
        (b"server:\n host: a\0\n", "2:9: a control character is not allowed here: remove it"),
        (b"server: \x1b[1m\n", "1:9: a control character is not allowed here: remove it"),
        (b"just text\n", "1:1: the file must be a mapping of sections"),
        (b"- server\n", "1:1: the file must be a mapping of sections"),
        (b"5\n", "1:1: the file must be a mapping of sections"),
        (b"server: {port: 1, port: 2}\n", "1:19: `port` is here for the second time; the first is in line 1"),
        (
            b"server: {}\nroute:\nserver: {}\n",
            "3:1: `server` is here for the second time; the first is in line 1",
        ),
        (b"5: x\n", "1:1: a key must be text; put it in quotes"),
        (b"on: x\n", "1:1: a key must be text; put it in quotes"),
        (b"[a]: x\n", "1:1: a key must be text; put it in quotes"),
        (b"? {a: b}\n: x\n", "1:3: a key must be text; put it in quotes"),
        (b"server: !!python/object:os.system {}\n", "1:9: tags such as !name are not supported: remove it"),
        (b"server: {host: !env HOST}\n", "1:16: tags such as !name are not supported: remove it"),
        (b"server: {host: !!binary aGk=}\n", "1:16: tags such as !name are not supported: remove it"),
        (b"server: !list [a]\n", "1:9: tags such as !name are not supported: remove it"),
        (b"auto_resolve: .nan\n", "1:15: a number must be finite"),
        (b"auto_resolve: -.inf\n", "1:15: a number must be finite"),
        (b"server: &a\n  host: *a\n", "1:9: an alias stands inside what it repeats"),
        (b"server: &a [*a]\n", "1:9: an alias stands inside what it repeats"),
        (b"server: {<<: 5}\n", "1:14: `<<` takes an alias of a mapping, or a list of them"),
        (b"server: " + b"[" * 200, "1:72: not valid YAML: nested deeper than 64 levels"),
        (b"server: " + b"{a: " * 200, "1:258: not valid YAML: nested deeper than 64 levels"),
        (b"- " * 5000, f"1:{1 + 2 * DEEPEST}: not valid YAML: nested deeper than 64 levels"),
        (b"# " + b"x" * LARGEST_FILE, "1:1: the file is larger than 8 MiB; is it a configuration?"),
    ],
)
def test_each_gets_its_place_and_sentence(wrong: Wrong, text: bytes, problem: str) -> None:
    """Line and column are those of an editor."""
    found = wrong(text)
    assert any(one.startswith(f"n.yaml:{problem}") for one in found), found


def test_aliases_cannot_make_it_endless(wrong: Wrong) -> None:
    """A billion laughs is one problem, found at once."""
    found = [one for one in wrong(LAUGHS) if "unknown key" not in one]
    assert len(found) == 1
    assert "aliases repeat too much: more than 4 MiB in all" in found[0]


def test_a_thousand_routes_of_their_own_channels_load(load_text: LoadText) -> None:
    """What is written out is bounded by the file's size alone, merges are few bytes, and a good name costs nothing."""
    lines = ["x-team: &team {group_wait: 0s, group_interval: 1m}", "channels:"]
    lines += [f"  c{number}: {{type: t}}" for number in range(500)]
    lines += ["route:", "  channels: [c0]", "  routes:"]
    for number in range(1_000):
        match = f"['service=\"service-{number}\"', 'severity=~\"critical|error\"']"
        lines += [f"    - {{<<: *team, match: {match}, channels: [c{number % 500}]}}"]
    assert costs_less_than(5, lambda: load_text("\n".join(lines)))
    route = load_text("\n".join(lines)).route
    assert len(route.routes) == 1_000
    assert route.routes[-1].group_interval == MINUTE


def test_five_thousand_places_are_found_without_a_look_at_all_others() -> None:
    """Each of as many channels may have a problem."""
    nodes = [given_node(f"c{line}", yaml.Mark("n.yaml", 0, line, 0, None, 0)) for line in range(5_000)]
    root = with_entries(nodes[0], {node.value: (node, node) for node in nodes})
    source = SourceFile("n.yaml", root)
    assert costs_less_than(1, lambda: [source.value((node.value,)).line for node in nodes])
    assert [source.value((node.value,)).line for node in nodes] == list(range(1, 5_001))


def test_extensions_are_places_for_anchors(load_text: LoadText, wrong: Wrong) -> None:
    """A top key that begins with `x-` is nobody's, and what is in it is not filled in; elsewhere it is unknown."""
    settings = load_text(
        "x-slow: &slow {group_wait: 1m, group_interval: 1w}\n"
        "x-unused: {a: '${NOT_SET}', b: [1, {}]}\n"
        "channels: {a: {type: t}}\n"
        "route: {<<: *slow, channels: [a]}\n"
    )
    assert (settings.route.group_wait, settings.route.group_interval) == (MINUTE, 7 * DAY)
    assert any("unknown key `x-slow`" in one for one in wrong(b"server: {x-slow: 1}\n"))
    assert any("unknown key" in one for one in wrong(b"x_slow: 1\n"))


def test_aliases_and_merges_work(load_text: LoadText) -> None:
    """What is written once can be used twice; own keys win over merged ones, the first source over the next."""
    channels = load_text(
        "channels:\n"
        "  a: &a {type: t, x: 1, y: 1}\n"
        "  b: {<<: *a, y: 2}\n"
        "  c: *a\n"
        "  d: &d {<<: [*a, {x: 3, z: 3}], type: u}\n"
        "route: {channels: [a]}\n"
    ).channels
    assert channels["b"].options == {"x": 1, "y": 2}
    assert channels["c"].options == channels["a"].options == {"x": 1, "y": 1}
    assert channels["d"].options == {"x": 1, "y": 1, "z": 3}
    assert channels["d"].type == "u"


def test_a_byte_order_mark_and_windows_lines_are_fine(load_text: LoadText) -> None:
    """Editors on Windows write both."""
    assert load_text(b"\xef\xbb\xbfserver:\r\n  port: 9\r\n").server.port == 9


def test_ten_thousand_duplicates_are_quick(wrong: Wrong) -> None:
    """A large file costs time by its size only."""
    assert len(wrong("channels: {\n" + "a: 1,\n" * 10_000 + "}")) > 9_000


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all keys and items, this one included."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, entry in inner:
        yield from paths(entry, (*path, step))


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200),
        st.text(alphabet="a:{}[],&*<!|>%@\"'- \n\t#?$1.~", max_size=60),
    )
)
def test_parsing_is_total(text: bytes | str) -> None:
    """Whatever the bytes are, there is a mapping to go on with, and problems have a place."""
    problems: set[Problem] = set()
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    root = composed(data, "n.yaml", problems)
    source, values = SourceFile("n.yaml", root), PlainValues(root, {"a": "1"}, problems).of(root, problems)
    assert isinstance(values, dict)
    for path in paths(values):
        assert min(source.key(path).line, source.value(path).line) >= 1
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
