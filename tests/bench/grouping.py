"""How well the default fingerprint groups messages that nobody here wrote: `python -m tests.bench grouping FOLDER`.

FOLDER holds `*.tsv.gz` files of a labelled log benchmark, such as Loghub's: a line is the label of its template, a tab
and the message. Three figures for each file, and their means:

- grouping accuracy: the share of lines whose incident holds exactly the lines of one template;
- precision: of all pairs of lines in one incident, how many share a template (a wrong merge hides an outage);
- recall: of all pairs that share a template, how many are in one incident (a wrong split costs a line of a message).
"""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from notifier.ingest.normalize import Accepted, Normalizer
from tests.bench.wire import Broken

HEAD = """\
| messages of | grouping accuracy | precision | recall | incidents of templates |
| --- | --- | --- | --- | --- |"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    accuracy: float
    precision: float
    recall: float
    incidents: int
    templates: int

    @property
    def figures(self) -> tuple[float, float, float]:
        return self.accuracy, self.precision, self.recall


def report(folder: Path) -> str:
    """A Markdown table of a folder's files."""
    files = sorted(folder.glob("*.tsv.gz"))
    if not files:
        raise Broken(f"no *.tsv.gz in {folder}: name the folder of a labelled log benchmark")
    scores = {file.name.partition(".")[0]: score(*read(file)) for file in files}
    lines = [_line(name, one.figures, f"{one.incidents} of {one.templates}") for name, one in scores.items()]
    means = [
        sum(column) / len(files) for column in zip(*(one.figures for one in scores.values()), strict=True)
    ]
    return "\n".join([HEAD, *lines, _line("mean", means, "")])


def read(file: Path) -> tuple[list[str], list[str]]:
    """Labels and messages."""
    pairs = [line.split("\t", 1) for line in gzip.decompress(file.read_bytes()).decode().splitlines()]
    if any(len(pair) != 2 for pair in pairs):
        raise Broken(f"{file.name} has a line without a tab: a line is a label, a tab and a message")
    return [label for label, _ in pairs], [message or "-" for _, message in pairs]


def score(labels: Sequence[str], messages: Sequence[str]) -> Score:
    """The scores of messages, each posted as an event without an exception."""
    found = fingerprints(messages)
    by_incident, by_template = _members(found), _members(labels)
    exact = sum(len(lines) for lines in by_incident.values() if lines == by_template[labels[lines[0]]])
    both = _pairs(list(zip(found, labels, strict=True)))
    ours, theirs = _pairs(found), _pairs(labels)
    return Score(
        accuracy=exact / len(labels),
        precision=both / ours if ours else 1.0,
        recall=both / theirs if theirs else 1.0,
        incidents=len(by_incident),
        templates=len(by_template),
    )


def fingerprints(messages: Iterable[str]) -> list[str]:
    """The fingerprints that ingest computes."""
    normalizer = Normalizer(max_event_bytes=262_144, new_id=lambda: "id")
    found = []
    for message in messages:
        body = json.dumps({"service": "bench", "message": message}).encode()
        item = normalizer.read([body], project="default", received_at=0, sent_at=None)[0]
        assert isinstance(item, Accepted), item
        found.append(item.event.fingerprint)
    return found


def _members(keys: Sequence[str]) -> dict[str, list[int]]:
    members: dict[str, list[int]] = defaultdict(list)
    for line, key in enumerate(keys):
        members[key].append(line)
    return members


def _pairs(keys: Sequence[Hashable]) -> int:
    return sum(n * (n - 1) // 2 for n in Counter(keys).values())


def _line(name: str, figures: Sequence[float], incidents: str) -> str:
    return f"| {name} | {' | '.join(f'{figure:.3f}' for figure in figures)} | {incidents} |"
