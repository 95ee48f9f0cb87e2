"""Names and sentences: a module says what it holds, a class name is said once, and a docstring names its subject.

An exception has its reason beside it, and one that is not needed any more fails as well.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "notifier"

EMPTY_NAMES = {"words", "letters", "rows", "answers", "lists"}

# What applications import from `notifier.client.dramatiq` and from `notifier.client.rq` has one name.
SHARED = {"Tracking"}

# Sentences in store/ that are for no developer.
SENTENCES_OF_THE_STORE = {
    # Of an error that two places raise.
    "the database is busy or locked: is another program using the file? Try again",
}
# Modules whose texts are parts of SQL.
SQL_ALONE = {"store/schema/triggers.py"}

PRONOUNS = {
    "It", "Its", "They", "Their", "This", "That", "These", "Those", "Who", "Whose", "Whoever", "What", "Whatever",
    "Which", "Somebody", "Nobody", "Everybody", "Anybody", "Everything", "Nothing", "Something",
}  # fmt: skip


@cache
def modules() -> dict[str, ast.Module]:
    """The syntax trees of the package, by path."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")
    }


@cache
def errors() -> set[str]:
    """The names of the domain's errors."""
    return {node.name for node in modules()["domain/errors.py"].body if isinstance(node, ast.ClassDef)}


def test_a_module_is_named_after_what_it_holds() -> None:
    """Anything may be words, rows, lists or answers."""
    assert [path for path in modules() if Path(path).stem in EMPTY_NAMES] == []


def test_a_public_class_name_is_defined_once() -> None:
    """Who reads a name knows which thing is meant."""
    places: dict[str, list[str]] = defaultdict(list)
    for path, module in modules().items():
        for node in module.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path)
    shared = {name: paths for name, paths in places.items() if len(paths) > 1}
    assert shared.keys() == SHARED


def test_the_store_says_nothing_to_people() -> None:
    """A text of four words with a capital letter is a sentence; errors for developers and SQL are none."""
    found = {
        text
        for path, module in modules().items()
        if path.startswith("store/") and "/migrations/" not in path and path not in SQL_ALONE
        for text in sentences(module)
    }
    assert found == SENTENCES_OF_THE_STORE


def test_a_docstring_begins_with_what_it_is_about() -> None:
    """The subject of its first sentence is a noun of the glossary, and no pronoun."""
    riddles = {
        path: docstring
        for path, module in modules().items()
        for docstring in docstrings(module)
        if begins_with_pronoun(docstring)
    }
    assert riddles == {}


def begins_with_pronoun(docstring: str) -> bool:
    word = re.match(r"\w+", docstring)
    return word is not None and word[0] in PRONOUNS


def docstrings(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring is not None:
                yield docstring


def sentences(node: ast.AST) -> Iterator[str]:
    """The texts below a node that are sentences; what is raised, built into an error or stands by itself aside."""
    if isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in errors():
        return
    text = text_of(node)
    if text is not None:
        if len(re.findall(r"[A-Za-z']+", text)) >= 4 and re.search(r"[A-Z]", text) and not SQL.match(text):
            yield text
        return
    for child in ast.iter_child_nodes(node):
        yield from sentences(child)


SQL = re.compile(r"[\s({}]*(?:SELECT|INSERT|UPDATE|DELETE|PRAGMA|CREATE|SET|LISTEN|LOCK|AS|json_each)\b")


def text_of(node: ast.AST) -> str | None:
    """The text of a literal, with `{}` where a value is put in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
