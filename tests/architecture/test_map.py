"""The map names every folder, every cited rule exists, and the pages for developers are in no wheel."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("notifier/README.md", "notifier/RULES.md", ".github/CONTRIBUTING.md")
ABSENT = re.compile(r"\b(?:DESIGN|FAULTS|HOUSE|STYLE|TRAPS)\b")


def test_the_floors_of_the_map_are_those_that_are_checked() -> None:
    """The README's picture and the import contract have the same rooms on the same floors."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (floors,) = (contract for contract in contracts if contract["type"] == "layers")
    checked = [layer.replace("(", "").replace(")", "") for layer in floors["layers"]]
    drawn = re.findall(r"^([a-z| ]+?)  +\S", section(PAGES[0], "The floors"), re.MULTILINE)
    assert drawn == [*checked, *floors["exhaustive_ignores"]]


def test_every_folder_is_named_in_the_map() -> None:
    """The README's table of folders and the tree are the same."""
    package = ROOT / "notifier"
    with_files = {path.parent for path in committed() if path.is_relative_to(package)} - {package}
    folders = {f"{path.relative_to(package).as_posix()}/" for path in with_files}
    named = re.findall(r"^\| `([a-z_/]+/)` \|", section(PAGES[0], "The folders"), re.MULTILINE)
    assert set(named) == folders
    assert len(named) == len(set(named))


def test_every_file_that_the_map_names_is_there() -> None:
    """The files that the README names exist, except tests and files to be written."""
    page = (ROOT / PAGES[0]).read_text()
    paths = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", page)) - {"channels/teams.py"}
    assert len(paths) > 15
    missing = [path for path in paths if not ((ROOT / "notifier" / path).exists() or (ROOT / path).exists())]
    assert missing == []


def test_the_way_of_an_event_is_short() -> None:
    """The list of an event's way names at most thirty files."""
    assert len(set(re.findall(r"`([a-z_/.]+)`", section(PAGES[0], "The way of an event")))) <= 30


def test_what_a_question_is_answered_with_is_there() -> None:
    """Each answer in the table of questions names existing files, with names that are in them."""
    rows = re.findall(r"^\| [^|]+\? \| (.+) \|$", (ROOT / PAGES[0]).read_text(), re.MULTILINE)
    assert len(rows) >= 5
    for row in rows:
        files = [ROOT / "notifier" / path for path in re.findall(r"`(\w+(?:/\w+)+\.py)`", row)]
        code = "".join(file.read_text() for file in files)
        assert files
        assert [
            name for name in re.findall(r"`(\w+)`", row) if not re.search(rf"(def|class) {name}\b", code)
        ] == []


def test_every_module_that_a_page_names_is_there() -> None:
    """Module paths such as `policy.notifying.decide` in the pages exist."""
    text = "".join((ROOT / page).read_text() for page in PAGES)
    dotted = [
        name.removeprefix("notifier.").split(".") for name in re.findall(r"`([a-z_]+(?:\.\w+)+)`", text)
    ]
    named = [parts for parts in dotted if parts[-1] != "py" and (ROOT / "notifier" / parts[0]).is_dir()]
    assert len(named) > 8
    assert [parts for parts in named if not is_there(parts)] == []


def test_every_path_of_the_commands_is_there() -> None:
    """The paths in the commands for contributors exist."""
    paths = set(re.findall(r"\btests/[\w/.]+", (ROOT / PAGES[2]).read_text()))
    assert len(paths) > 4
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_rule_that_is_cited_exists() -> None:
    """Citations such as `RULES.md#outcomes` in code and tests are headings there."""
    known = {page: set(anchors(f"notifier/{page}")) for page in ("README.md", "RULES.md")}
    cited = [
        (path, page, anchor)
        for path in code()
        for page, anchor in re.findall(r"\b(README\.md|RULES\.md)#([a-z-]+)", path.read_text())
    ]
    assert len(cited) > 25
    assert [each for each in cited if each[2] not in known[each[1]]] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    """Every link is a file of the repository, with an existing heading."""
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", (ROOT / page).read_text()):
        name, _, anchor = target.partition("#")
        file = (ROOT / page).parent / name if name else ROOT / page
        assert file.is_file(), target
        assert not anchor or anchor in set(anchors(file.relative_to(ROOT).as_posix())), target


def test_nothing_cites_a_text_that_is_not_here() -> None:
    """No file cites a document that is not in the repository."""
    here = Path(__file__)
    cited = [
        path
        for path in texts()
        if path != here and ABSENT.search(path.read_bytes().decode("utf-8", "replace"))
    ]
    assert cited == []


def test_the_pages_are_in_no_wheel() -> None:
    """The wheel contains the top README and the manual, and no page for developers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["notifier"]
    assert wheel["exclude"] == [f"/{page}" for page in PAGES if page.startswith("notifier/")]
    within = {path.relative_to(ROOT).as_posix() for path in committed() if path.suffix == ".md"}
    assert {path for path in within if re.match(r"notifier/(?!manual/)", path)} <= set(PAGES)


def is_there(parts: list[str]) -> bool:
    """Whether the parts name a module of the package, or a name in one."""
    *above, last = parts
    whole, module = (
        (ROOT / "notifier").joinpath(*parts),
        (ROOT / "notifier").joinpath(*above).with_suffix(".py"),
    )
    if whole.is_dir() or whole.with_suffix(".py").is_file():
        return True
    return (
        module.is_file()
        and re.search(rf"^(def|class) {last}\b|^{last}\b", module.read_text(), re.MULTILINE) is not None
    )


def anchors(page: str) -> Iterator[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    for heading in re.findall(r"^#+ (.+)$", _outside_code(page), re.MULTILINE):
        yield re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def section(page: str, heading: str) -> str:
    return (ROOT / page).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]


def code() -> Iterator[Path]:
    return (path for path in texts() if path.suffix in {".py", ".toml", ".html", ".j2"} or path.name == "run")


def texts() -> Iterator[Path]:
    return (path for path in committed() if b"\0" not in path.read_bytes()[:8_192])


def committed() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no git checkout")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def _outside_code(page: str) -> str:
    return re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
