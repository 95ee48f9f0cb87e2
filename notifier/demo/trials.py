"""The demo's trials, as `curl` commands for a terminal and as buttons for the inbox's page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CSV = "name,amount\nada,12\nfail,0\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTrial:
    """A POST to the sample application. `ends` says what it results in, `file` is an upload's content."""

    name: str
    what: str
    ends: str
    path: str
    file: str | None = None

    def curl(self, app: str) -> str:
        """The `curl` command for a shell."""
        if self.file is not None:
            text = self.file.replace("\n", r"\n")
            form = "file=@-;filename=orders.csv;type=text/csv"
            return f"printf '{text}' | curl -F '{form}' {app}{self.path}"
        address = f"{app}{self.path}"
        return f"curl -X POST '{address}'" if "?" in address else f"curl -X POST {address}"

    @property
    def files(self) -> Mapping[str, tuple[str, str, str]] | None:
        return None if self.file is None else {"file": ("orders.csv", self.file, "text/csv")}


TRIALS = (
    DemoTrial(name="item", what="an odd item fails in the background", ends="Slack", path="/items/3/process"),
    DemoTrial(
        name="flaky", what="a call that fails twice, and then works", ends="Slack, and Slack again",
        path="/process-data",
    ),
    DemoTrial(name="fails", what="a call that fails for good", ends="Slack", path="/process-data?fail=true"),
    DemoTrial(name="critical", what="a critical process", ends="email and Slack", path="/users/-1/process"),
    DemoTrial(name="long", what="a long task says when it is done", ends="the webhook", path="/create-task/3"),
    DemoTrial(
        name="upload", what="an upload that fails, is tried again, and ends as a dead letter", ends="Slack",
        path="/upload-file/", file=CSV,
    ),
    DemoTrial(
        name="storm", what="a storm: 2,000 errors of 40 causes in a moment", ends="one Slack thread", path="/storm",
    ),
    DemoTrial(
        name="flapping", what="an error that comes and goes for half a minute", ends="Slack, and not each time",
        path="/flapping",
    ),
)  # fmt: skip
