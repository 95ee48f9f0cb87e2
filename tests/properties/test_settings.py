"""Any file is loaded to Settings or refused with problems that have a place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.errors import ConfigError
from notifier.domain.route import Route
from notifier.policy.routing import route
from notifier.settings.loading import load
from notifier.settings.model import SettingsFile
from notifier.settings.secrets import keys_of, model_at
from notifier.settings.sections import Sections

SECTIONS = {name: sorted(keys_of(model_at(Sections, (name,)))) for name in Sections.model_fields}
ROUTE_KEYS = keys_of(model_at(SettingsFile, ("route", "routes", 0)))

OTHER_KEYS = (
    *(
        "events",
        "within",
        "after",
        "source",
        "target",
        "equal",
        "name",
        "time_intervals",
        "weekdays",
        "times",
    ),
    *("start_time", "end_time", "location", "months", "x_file", "<<"),
)
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70_000),
    st.floats(),
    st.sampled_from(
        (
            *(
                "10s",
                "1h30m",
                "a",
                "b",
                "30/hour",
                "8MiB",
                "service",
                "incident",
                'a="b"',
                "a=~(",
                "${A}",
                "${",
            ),
            *("monday:friday", "09:00", "24:00", "Europe/Berlin", "Europe", "../x"),
        )
    ),
    st.text(max_size=8),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*sorted(ROUTE_KEYS), *OTHER_KEYS]), inner, max_size=4),
    ),
    max_leaves=8,
)
MATCHERS = st.sampled_from(['a="1"', 'a=~"1|2"', 'b!="1"', 'b!~"2"', 'c=""'])


def listed(keys: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """A list of mappings with these keys, or another value."""
    return st.one_of(VALUES, st.lists(st.fixed_dictionaries({}, optional=keys), max_size=2))


def files() -> st.SearchStrategy[dict[str, Any]]:
    """Files with mostly valid keys and mostly invalid values."""
    plain = {
        name: st.one_of(VALUES, st.fixed_dictionaries({}, optional=dict.fromkeys(keys, VALUES)))
        for name, keys in SECTIONS.items()
    }
    block = st.fixed_dictionaries(
        {"type": SCALARS}, optional={"rate_limit": VALUES, "digest": VALUES, "x": VALUES}
    )
    channels = st.dictionaries(st.sampled_from("ab"), st.one_of(VALUES, block), max_size=2)
    root = st.fixed_dictionaries({}, optional=dict.fromkeys(ROUTE_KEYS, VALUES))
    matchers = st.one_of(VALUES, st.lists(MATCHERS, max_size=2))
    rules = listed({"source": matchers, "target": matchers, "equal": VALUES})
    hours = listed({"start_time": SCALARS, "end_time": SCALARS})
    windows = listed({"weekdays": VALUES, "times": hours, "location": SCALARS})
    intervals = listed({"name": SCALARS, "time_intervals": windows})
    telling = {"channels": st.one_of(VALUES, channels), "route": st.one_of(VALUES, root), "fallback": VALUES}
    return st.fixed_dictionaries(
        {}, optional=plain | telling | {"auto_resolve": VALUES, "inhibit": rules, "time_intervals": intervals}
    )


def routes() -> st.SearchStrategy[dict[str, Any]]:
    """A child route with its subtree."""
    own = {"match": st.lists(MATCHERS, max_size=2), "continue": st.booleans()}
    timing = {"group_wait": st.sampled_from(["0s", "1s"])}
    return st.recursive(
        st.fixed_dictionaries({}, optional=own | timing),
        lambda inner: st.fixed_dictionaries({"routes": st.lists(inner, max_size=3)}, optional=own | timing),
        max_leaves=6,
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file, rewritten for every example."""
    return tmp_path_factory.mktemp("settings") / "n.yaml"


@given(
    document=files(),
    environ=st.dictionaries(st.sampled_from(["A", "NOTIFIER_SERVER__PORT"]), st.text(max_size=5)),
)
def test_loading_is_total(file: Path, document: dict[str, Any], environ: dict[str, str]) -> None:
    """Any document is loaded, or refused with every problem at a place and on one line."""
    file.write_text(yaml.safe_dump(document), encoding="utf-8", errors="replace")
    try:
        loaded = load(str(file), environ)
    except ConfigError as refused:
        problems = [str(problem) for problem in refused.problems]
        assert problems
        assert not [one for one in problems if "\n" in one]
    else:
        assert set(loaded.route.channels) <= loaded.channels.keys()


@given(
    children=st.lists(routes(), max_size=3),
    labels=st.dictionaries(st.sampled_from("abc"), st.sampled_from("12")),
)
def test_the_walk_is_alertmanager_s(
    file: Path, children: list[dict[str, Any]], labels: dict[str, str]
) -> None:
    """Every route has its own key, and the routes that match are those of Alertmanager's algorithm."""
    document = {"channels": {"x": {"type": "t"}}, "route": {"channels": ["x"], "routes": children}}
    file.write_text(json.dumps(document))
    tree = load(str(file), {}).route
    keys = [one.key for one in tree.walk()]
    assert len(set(keys)) == len(keys)
    told = route(tree, labels)
    assert told
    assert told == literally(tree, labels)


def literally(node: Route, labels: dict[str, str]) -> tuple[Route, ...]:
    """Alertmanager's `Route.Match`, translated line by line."""
    if not all(matcher.matches(labels) for matcher in node.match):
        return ()
    found: tuple[Route, ...] = ()
    for child in node.routes:
        matches = literally(child, labels)
        found += matches
        if matches and not child.continue_:
            break
    return found or (node,)
