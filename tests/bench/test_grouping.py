"""The measures of grouping: correct, merged and split lines, counted as in the literature."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.bench.grouping import report, score
from tests.bench.wire import Broken


def test_what_is_grouped_as_labelled_scores_one() -> None:
    """One incident per template, and one template per incident, scores 1."""
    found = score(["a", "a", "b"], ["order 17 failed", "order 18 failed", "the disk is full"])
    assert found.figures == (1.0, 1.0, 1.0)
    assert (found.incidents, found.templates) == (2, 2)


def test_a_merge_costs_precision_and_a_split_recall() -> None:
    """A merge lowers precision, a split lowers recall, and both lower accuracy."""
    merged = score(["a", "b", "c"], ["order 17 failed", "order 18 failed", "the disk is full"])
    assert merged.figures == (1 / 3, 0.0, 1.0)
    split = score(["a", "a", "a"], ["order 17 failed", "order 18 failed", "the disk is full"])
    assert split.figures == (0.0, 1.0, 1 / 3)


def test_a_folder_is_reported_with_its_means(tmp_path: Path) -> None:
    """A folder gives a table with means; one without files is an error."""
    with pytest.raises(Broken, match=r"no \*\.tsv\.gz"):
        report(tmp_path)
    (tmp_path / "Shop.tsv.gz").write_bytes(gzip.compress(b"a\torder 17 failed\na\torder 18 failed\n"))
    (tmp_path / "Disk.tsv.gz").write_bytes(gzip.compress(b"a\tdisk full\na\tdisk empty\nb\t\n"))
    assert report(tmp_path).splitlines()[2:] == [
        "| Disk | 0.333 | 1.000 | 0.000 | 3 of 2 |",
        "| Shop | 1.000 | 1.000 | 1.000 | 1 of 1 |",
        "| mean | 0.667 | 1.000 | 0.500 |  |",
    ]
    (tmp_path / "Broken.tsv.gz").write_bytes(gzip.compress(b"no tab\n"))
    with pytest.raises(Broken, match="without a tab"):
        report(tmp_path)
