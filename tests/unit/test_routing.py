"""Who is told, and in which group, follows the tree as Alertmanager walks it."""

from __future__ import annotations

import random
from collections.abc import Mapping

from notifier.domain.matcher import match_all, parse
from notifier.domain.route import Route
from notifier.policy import routing
from notifier.policy.routing import group_labels, route


def node(name: str, *match: str, continue_: bool = False, routes: tuple[Route, ...] = ()) -> Route:
    return Route(
        key=name,
        name=name,
        match=tuple(map(parse, match)),
        channels=(name,),
        continue_=continue_,
        routes=routes,
    )


def group_key(project: str, node: Route, shared: Mapping[str, str]) -> str:
    return routing.group_key(project, node, shared, ("production", "a fingerprint"))


def told(tree: Route, **labels: str) -> list[str]:
    return [one.name for one in route(tree, labels)]


def test_a_root_without_children_takes_everything() -> None:
    """The root has no matchers, so that nobody is left out."""
    assert told(node("root")) == ["root"]


def test_the_first_child_that_matches_wins() -> None:
    """A later sibling is not asked, and the parent stays silent."""
    tree = node("root", routes=(node("one", 'a="1"'), node("two", 'a=~"1|2"')))
    assert told(tree, a="1") == ["one"]
    assert told(tree, a="2") == ["two"]


def test_without_a_matching_child_the_node_itself_tells() -> None:
    """At every level, what the children do not take stays with their parent."""
    tree = node("root", routes=(node("one", 'a="1"', routes=(node("deep", 'b="1"'),)),))
    assert told(tree, a="2") == ["root"]
    assert told(tree, a="1", b="2") == ["one"]
    assert told(tree, a="1", b="1") == ["deep"]


def test_all_matchers_of_a_node_must_hold() -> None:
    """Matchers of one route are joined by and."""
    tree = node("root", routes=(node("both", 'a="1"', 'b="1"'),))
    assert told(tree, a="1") == ["root"]
    assert told(tree, a="1", b="1") == ["both"]


def test_continue_asks_the_next_siblings_too() -> None:
    """Every route up to the first that does not continue tells, in the order of the file."""
    tree = node(
        "root",
        routes=(
            node("record", continue_=True),
            node("no", 'a="x"', continue_=True),
            node("one", 'a="1"'),
            node("late", 'a="1"'),
        ),
    )
    assert told(tree, a="1") == ["record", "one"]
    assert told(tree, a="2") == ["record"]


def test_continue_of_a_parent_counts_whichever_child_took_it() -> None:
    """A child's own continue matters among its siblings only."""
    tree = node(
        "root",
        routes=(
            node("one", 'a="1"', continue_=True, routes=(node("deep", 'b="1"'), node("deeper", 'b="1"'))),
            node("two", routes=(node("last", 'b="1"', continue_=True),)),
            node("never", 'a="1"'),
        ),
    )
    assert told(tree, a="1", b="1") == ["deep", "last"]
    assert told(tree, a="1", b="2") == ["one", "two"]


def test_a_missing_label_counts_as_empty() -> None:
    """A route for what has no team is `team=""`."""
    assert told(node("root", routes=(node("orphans", 'team=""'),)), service="x") == ["orphans"]


def test_group_labels_are_those_of_group_by() -> None:
    """A group shares the labels it is grouped by; one that the incident lacks is left out."""
    grouped = Route(key="k", name="n", group_by=("service", "region", "environment"))
    shared = group_labels(
        grouped, {"service": "billing", "environment": "prod", "host": "a", "region": ""}, "i1"
    )
    assert dict(shared) == {"service": "billing", "environment": "prod"}


def test_incident_is_one_group_each() -> None:
    """`group_by: [incident]` names the incident, whatever label may have that name; its identity keeps the group."""
    single = Route(key="k", name="n", group_by=("incident",))
    assert dict(group_labels(single, {"incident": "x"}, "i1")) == {"incident": "i1"}
    keys = {
        routing.group_key("p", single, group_labels(single, {}, id_), (environment, fingerprint))
        for id_, environment, fingerprint in (
            ("i1", "production", "a"), ("i2", "production", "a"), ("i3", "staging", "a"), ("i4", "production", "b"),
        )
    }  # fmt: skip
    assert len(keys) == 3


def test_an_empty_group_by_is_one_group() -> None:
    """`group_by: []` tells everything of a route together, as in Alertmanager."""
    one = Route(key="k", name="n", group_by=())
    assert group_key("p", one, group_labels(one, {"a": "1"}, "i1")) == group_key("p", one, {})


def test_group_keys_tell_everything_apart_that_matters() -> None:
    """Projects, routes, the names of labels and their values never share a group."""
    a = Route(key="k", name="n", group_by=("a",))
    others = [
        group_key("p", a, {"a": "1"}),
        group_key("q", a, {"a": "1"}),
        group_key("p", Route(key="l", name="n", group_by=("a",)), {"a": "1"}),
        group_key("p", Route(key="k", name="n", group_by=("b",)), {"b": "1"}),
        group_key("p", Route(key="k", name="n", group_by=("a", "b")), {"a": "1"}),
        group_key("p", a, {"a": "2"}),
        group_key("p", a, {}),
        group_key("p", a, {"a": '1","b'}),
    ]
    assert len(set(others)) == len(others)


def test_group_keys_outlive_what_does_not_matter() -> None:
    """Timing, channels, lines and the order of group_by leave a group its key; and the key itself is pinned."""
    before = Route(key="k", name="n", line="a.yaml:1", group_by=("a", "b"), channels=("x",))
    after = Route(key="k", name="m", line="a.yaml:9", group_by=("b", "a"), channels=("y",), group_wait=0)
    shared = {"a": "1", "b": "2"}
    assert group_key("p", before, shared) == group_key("p", after, dict(reversed(shared.items())))
    assert group_key("p", before, shared) == "48bc035205fad559f59de222a4ccbe14"


def test_odd_labels_have_a_key() -> None:
    """A lone surrogate or a NUL in a label does not stop the walk."""
    grouped = Route(key="k", name="n", group_by=("a",))
    assert len(group_key("p", grouped, {"a": "\ud800\0"})) == 32


def test_of_many_children_the_same_are_found_as_one_by_one() -> None:
    """What is looked up by a label meets what asking each child in turn meets, in the same order."""
    dice = random.Random(1)
    texts = ('a="1"', 'a="2"', 'b="1"', 'a=""', 'a!="1"', 'b=~"1|2"', 'b=~".*"', 'b!~"1"')
    children = tuple(
        Route(
            key=f"k{number}",
            name="n",
            match=tuple(map(parse, dice.sample(texts, dice.choice([1, 1, 2])))),
            continue_=dice.random() < 0.8,
        )
        for number in range(40)
    )
    tree = Route(key="root", name="default", routes=children)
    for labels in ({}, {"a": "1"}, {"a": "2", "b": "2"}, {"b": "1"}, {"a": "3", "b": ""}, {"c": "1"}):
        meant = [child for child in children if match_all(child.match, labels)]
        assert [child for child in tree.candidates(labels) if match_all(child.match, labels)] == meant
        told = [child.key for child in routing.route(tree, labels)]
        first = next((place for place, child in enumerate(meant) if not child.continue_), len(meant))
        assert told == ([child.key for child in meant[: first + 1]] or ["root"])
