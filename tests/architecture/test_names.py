"""Names and docstrings: meaningful module names, unique class names, and docstrings that begin with their subject.

Each exception has its reason beside it, and fails when it is no longer needed.
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

# `notifier.client.dramatiq` and `notifier.client.rq` export a class of the same name.
SHARED = {"Tracking"}

# Sentences in store/ that are for developers.
SENTENCES_OF_THE_STORE = {
    # Of an error that is raised in two places.
    "the database is busy or locked: is another program using the file? Try again",
}
# Modules whose texts are SQL.
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
    """The names of the error classes in `domain/errors.py`."""
    return {node.name for node in modules()["domain/errors.py"].body if isinstance(node, ast.ClassDef)}


def test_a_module_is_named_after_what_it_holds() -> None:
    """No module has a name that fits any content, such as words, rows, lists or answers."""
    assert [path for path in modules() if Path(path).stem in EMPTY_NAMES] == []


def test_a_public_class_name_is_defined_once() -> None:
    """A public class name refers to one class in the whole package."""
    places: dict[str, list[str]] = defaultdict(list)
    for path, module in modules().items():
        for node in module.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path)
    shared = {name: paths for name, paths in places.items() if len(paths) > 1}
    assert shared.keys() == SHARED


def test_the_store_says_nothing_to_people() -> None:
    """The store contains no sentences: texts of four or more words with a capital letter, except errors and SQL."""
    found = {
        text
        for path, module in modules().items()
        if path.startswith("store/") and "/migrations/" not in path and path not in SQL_ALONE
        for text in sentences(module)
    }
    assert found == SENTENCES_OF_THE_STORE


def test_a_docstring_begins_with_what_it_is_about() -> None:
    """No docstring begins with a pronoun."""
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
    """The sentences below a node, without those that are raised, passed to an error, or docstrings."""
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
