"""The one module that a kind of another package imports, and what such packages imported before there was one."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from notifier import wording
from notifier.channels import api, base, kinds

CHANNELS = Path(base.__file__).parent
# What the README of 0.1.0 showed.
SHOWN_BY_0_1 = {
    "notifier.channels.base": ("ChannelSettings", "Kind"),
    "notifier.channels.http": ("name_of", "parse_url"),
    "notifier.channels.outcomes": ("failure",),
    "notifier.domain.delivery": ("Receipt",),
}


def test_all_that_is_offered_is_there() -> None:
    """Each name once, and nothing beside it that is not offered."""
    assert len(set(api.__all__)) == len(api.__all__)
    offered = {name for name in vars(api) if name.isidentifier() and not name.startswith("_")}
    assert offered - {"annotations"} == set(api.__all__)


@pytest.mark.parametrize("module", ["webhook", "console"])
def test_a_built_in_kind_could_be_anothers(module: str) -> None:
    """The kinds of one module take nothing of notifier that is not offered to others."""
    tree = ast.parse((CHANNELS / f"{module}.py").read_text())
    taken = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("notifier")
        for alias in node.names
    }
    words = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "wording"
    }
    # The length of a note is no more than a number.
    assert (taken - {"wording"}) | (words - {"NOTE"}) <= set(api.__all__)


def test_a_package_s_kind_is_the_kind_that_is_offered() -> None:
    """What the registry asks of a package, and says in its sentence."""
    assert all(isinstance(kind, api.Kind) for kind in kinds.BUILT_IN.values())


@pytest.mark.parametrize(("module", "names"), SHOWN_BY_0_1.items())
def test_imports_that_the_first_readme_showed_go_on(module: str, names: tuple[str, ...]) -> None:
    """They are the same things as those that are offered now."""
    before = importlib.import_module(module)
    assert [getattr(before, name) for name in names] == [getattr(api, name) for name in names]


@pytest.mark.parametrize(("before", "now"), [("story", "render"), ("lines", "lines")])
def test_words_that_the_first_readme_showed_go_on_with_a_warning(before: str, now: str) -> None:
    """Until 0.3, with the line to change in the caller's own file, and what to write instead."""
    old = importlib.import_module("notifier.channels.wording")
    with pytest.warns(DeprecationWarning, match=rf"{before} is notifier\.channels\.api\.{now} now") as warned:
        assert getattr(old, before) is getattr(wording, now) is getattr(api, now)
    assert warned[0].filename == __file__


def test_a_name_that_never_was_is_an_ordinary_error() -> None:
    old = importlib.import_module("notifier.channels.wording")
    with pytest.raises(AttributeError, match="has no attribute 'tale'"):
        old.tale  # noqa: B018
