"""`notifier demo`, driven as a person would: each example ends in a message, and Ctrl-C ends everything."""

from __future__ import annotations

import contextlib
import html
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from tests.processes import clean_environ, eventually
from tests.sockets import free_port

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0
LAST_WORDS = "notifier dead-letters list"
CSV = b"name,amount\nada,12\nbo,30\n"

# What each printed line ends in.
TOLD = (
    ("slack", "Open: ValueError: item 3 is odd"),
    ("slack", "Resolved after"),
    ("slack", "What was said the last time"),
    ("slack", "there is no account for user -"),
    ("webhook", "a long report is ready"),
    ("slack", "Open: ConnectionError: the warehouse does not answer"),
    ("slack", "the charge service did not answer"),
    ("slack", "the price feed does not answer"),
)

Item = dict[str, Any]


class Demo:
    """The demo in a process of its own, on free ports."""

    def __init__(self, folder: Path) -> None:
        self._out, self._err = folder / "stdout", folder / "stderr"
        self._temporary = folder / "tmp"
        self._temporary.mkdir()

    def start(self) -> Self:
        command = [sys.executable, "-m", "notifier.cli", "demo",
                   "--port", "0", "--app-port", "0", "--inbox-port", "0"]  # fmt: skip
        environ = {
            **clean_environ(),
            "TMPDIR": str(self._temporary),
            "NOTIFIER_DATABASE__URL": "sqlite:///elsewhere.db",
        }
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, env=environ)
        eventually(lambda: LAST_WORDS in self.out or self.process.poll() is not None, within=READY_WITHIN_S)
        assert self.process.poll() is None, self.err
        return self

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def url(self, name: str) -> str:
        found = re.search(rf"^  {name} +(http://127\.0\.0\.1:\d+)", self.out, re.MULTILINE)
        assert found is not None, self.out
        return found.group(1)

    @property
    def folder(self) -> Path:
        [found] = self._temporary.iterdir()
        return found

    @property
    def left_behind(self) -> list[Path]:
        return list(self._temporary.iterdir())

    @property
    def ports(self) -> list[int]:
        """Everything that it listens on but the mail server, whose port the configuration tells."""
        return [int(self.url(name).rpartition(":")[2]) for name in ("service", "application", "inbox")]

    @property
    def smtp_port(self) -> int:
        found = re.search(r"smtp: {host: 127.0.0.1, port: (\d+)", (self.folder / "notifier.yaml").read_text())
        assert found is not None
        return int(found.group(1))

    def messages(self) -> list[Item]:
        return list(httpx.get(f"{self.url('inbox')}/messages").json()["items"])

    def wait_message(self, kind: str, words: str, **fields: object) -> Item:
        """The newest message of this kind that says these words."""

        def found() -> Item | None:
            for one in self.messages():
                if one["kind"] == kind and words in str(one) and fields.items() <= one.items():
                    return one
            return None

        item: Item = eventually(found)
        return item

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(STOP_WITHIN_S)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(tmp_path_factory.mktemp("demo")).start()
    yield running
    if running.process.poll() is None:
        assert running.stop(signal.SIGTERM) == 0, running.err
    assert running.left_behind == []


@pytest.fixture
def own_demo(tmp_path: Path) -> Iterator[Demo]:
    """One that a test may end."""
    running = Demo(tmp_path).start()
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture
def app(demo: Demo) -> Iterator[httpx.Client]:
    # uvicorn hangs up when a background task fails, on whatever request uses the connection by then.
    each_its_own = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=demo.url("application"), timeout=60, limits=each_its_own) as client:
        yield client


def ended(app: httpx.Client, status_url: str) -> Item:
    """What a status call answers once the run has ended."""

    def asked() -> Item | None:
        answer = app.get(status_url)
        assert answer.status_code == 200, answer.text
        document: Item = answer.json()
        return document if document["status"] in {"completed", "failed", "lost"} else None

    document: Item = eventually(asked)
    return document


def accepted(answer: httpx.Response) -> Item:
    assert answer.status_code == 202, answer.text
    document: Item = answer.json()
    return document


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_each_printed_line_ends_in_a_message(own_demo: Demo) -> None:
    """Pasted into a shell one after another, each brings a message that was not there before."""
    lines = re.findall(r"^  ((?:curl|printf) .+)$", own_demo.out, re.MULTILINE)
    for line, (kind, words) in zip(lines, TOLD, strict=True):
        assert words not in str(own_demo.messages())
        subprocess.run(["sh", "-c", line], capture_output=True, check=True, timeout=30)
        own_demo.wait_message(kind, words)
    own_demo.wait_message("email", "there is no account for user -")
    # What is edited is drawn once more.
    drawn, again = (
        re.compile(r"^\+- ", re.MULTILINE),
        re.compile(r"^\+- Slack #oncall, edited ", re.MULTILINE),
    )
    eventually(
        lambda: (
            len(drawn.findall(own_demo.out)) - len(again.findall(own_demo.out)) == len(own_demo.messages())
        )
    )
    for printed in (
        "| Subject: [shop/demo]",
        "+- Slack #oncall ",
        "| incident.opened - a long report is ready",
    ):
        assert printed in own_demo.out
    assert "ntf_" not in own_demo.out
    assert own_demo.err == ""


def links(mail: Item) -> dict[str, str]:
    """The links of a mail's HTML that act, by their words."""
    found = re.findall(r'<a [^>]*href="([^"]*/actions/[^"]*)"[^>]*>([^<]*)<', mail["html"])
    return {html.unescape(words): html.unescape(url) for url, words in found}


def press(demo: Demo, item: Item, label: str, choice: int | None = None) -> None:
    """As the page's form does it."""
    place, action = next((n, one) for n, one in enumerate(item["actions"]) if one["label"] == label)
    value = action["value"] if choice is None else action["choices"][choice]["value"]
    form = {"message": item["number"], "action": place, "value": value}
    answer = httpx.post(f"{demo.url('inbox')}/press", data=form, timeout=60)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/#m{item['number']}")


@pytest.mark.slow
def test_a_storm_and_a_flapping_error_are_started_from_the_page(own_demo: Demo) -> None:
    """2,000 errors are counted exactly and told in few messages; what comes and goes is named as such."""
    inbox = own_demo.url("inbox")
    page = httpx.get(inbox).text
    for name in ("item", "flaky", "fails", "critical", "long", "upload", "storm", "flapping"):
        assert f'action="/try/{name}"' in page
    assert httpx.post(f"{inbox}/try/flapping", timeout=60).status_code == 303
    assert httpx.post(f"{inbox}/try/storm", timeout=60).headers["location"] == "/"
    key = {"Authorization": f"Bearer {(own_demo.folder / 'key').read_text()}"}

    def counted() -> bool:
        asked = {"limit": 200}
        found = httpx.get(f"{own_demo.url('service')}/v1/incidents", params=asked, headers=key).json()
        storm = [one for one in found["items"] if one["labels"].get("step")]
        return len(storm) == 40 and sum(one["count"] for one in storm) == 2_000

    eventually(counted)
    assert sum("service did not answer" in str(one) for one in own_demo.messages()) < 10
    eventually(lambda: "flapping" in str(own_demo.messages()))


def test_it_says_a_line_before_anything_heavy_is_imported() -> None:
    """The rest takes seconds, and nobody is to wonder whether it has begun."""
    program = """
import os, sys
HEAVY = ("asyncio", "fastapi", "httpx", "jinja2", "pydantic", "sqlalchemy", "starlette", "uvicorn")
class Out:
    def write(self, text):
        sys.stderr.write(" ".join(["Starting" in text and "said", *(one for one in HEAVY if one in sys.modules)]))
        sys.stderr.flush()
        os._exit(0)
from notifier.demo.run import run
run(port=0, app_port=0, inbox_port=0, out=Out(), environ=os.environ)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stderr == "said"


def test_an_odd_item_is_logged_and_reported(demo: Demo, app: httpx.Client) -> None:
    """An even one is neither."""
    for item in (2, 7):
        accepted(app.post(f"/items/{item}/process"))
    told = demo.wait_message("slack", "item 7 is odd")
    assert "process_item" in str(told["lines"])
    assert "item 2" not in str(demo.messages())
    log = (demo.folder / "application.log").read_text()
    assert "item 7 was not processed" in log
    assert "item 2 was not processed" not in log


def test_a_flaky_call_is_tried_again(demo: Demo, app: httpx.Client) -> None:
    """Twice in vain, then it works, and the thread is told that it is over; failing for good is told as well."""
    run = ended(app, accepted(app.post("/process-data"))["status_url"])
    assert (run["status"], run["attempt"], run["result"]) == ("completed", 3, {"processed": 42})
    over = demo.wait_message("slack", "Resolved after")
    assert "ConnectionError: the upstream is too busy to answer" in str(over)
    run = ended(app, accepted(app.post("/process-data", params={"fail": True}))["status_url"])
    assert (run["status"], run["attempt"], run["error"]["type"]) == ("failed", 4, "ConnectionError")
    again = demo.wait_message("slack", "What was said the last time")
    assert "Open: ConnectionError: the upstream is too busy to answer" in str(again)


def test_a_negative_user_is_critical(demo: Demo, app: httpx.Client) -> None:
    """It is told by email and by Slack; any other is processed."""
    assert ended(app, accepted(app.post("/users/8/process"))["status_url"])["status"] == "completed"
    run = ended(app, accepted(app.post("/users/-8/process"))["status_url"])
    assert (run["status"], run["error"]["type"]) == ("failed", "LookupError")
    mail = demo.wait_message("email", "there is no account for user -")
    assert "critical" in mail["text"]
    assert mail["to"] == "oncall@demo.example"
    demo.wait_message("slack", "there is no account for user -")


def test_a_long_task_can_be_asked_how_it_goes(demo: Demo, app: httpx.Client) -> None:
    """Its id answers at once; it is under way, then completed, and says so through the webhook."""
    made = accepted(app.post("/create-task/1"))
    assert made["status_url"] == f"/task-status/{made['task_id']}"
    assert app.get(made["status_url"]).json()["status"] in {"pending", "processing"}
    run = ended(app, made["status_url"])
    assert (run["id"], run["status"], run["result"]) == (made["task_id"], "completed", {"seconds": 1})
    told = demo.wait_message("webhook", "a long report is ready")
    assert told["signed"]


@pytest.mark.parametrize("seconds", [0, 31, -1])
def test_a_task_of_no_time_or_too_much_is_refused(app: httpx.Client, seconds: int) -> None:
    """1 to 30 seconds, else 400."""
    answer = app.post(f"/create-task/{seconds}")
    assert answer.status_code == 400
    assert "1 to 30 seconds" in answer.text


@pytest.mark.parametrize("path", ["/task-status/nobody", "/process-status/nobody"])
def test_an_unknown_id_is_404(app: httpx.Client, path: str) -> None:
    assert app.get(path).status_code == 404


def test_an_upload_is_processed(demo: Demo, app: httpx.Client) -> None:
    """And nothing of it is left in the temporary folder."""
    made = accepted(app.post("/upload-file/", files={"file": ("orders.csv", CSV, "text/csv")}))
    run = ended(app, f"/process-status/{made['process_id']}")
    assert (run["status"], run["result"]) == ("completed", {"lines": 3})
    eventually(lambda: not list(demo.folder.glob("upload-*")))


def test_an_upload_that_fails_is_retried_cleaned_up_and_a_dead_letter(demo: Demo, app: httpx.Client) -> None:
    """Meanwhile the application answers others."""
    content = CSV * 20 + b"fail,0\n"
    made = accepted(app.post("/upload-file/", files={"file": ("orders.csv", content, "text/csv")}))
    assert app.get("/task-status/nobody").status_code == 404
    assert app.get(f"/process-status/{made['process_id']}").json()["status"] != "failed"
    run = ended(app, f"/process-status/{made['process_id']}")
    assert (run["status"], run["attempt"], run["error"]["type"]) == ("failed", 3, "ConnectionError")
    eventually(lambda: not list(demo.folder.glob("upload-*")))
    demo.wait_message("slack", "ConnectionError: the warehouse does not answer")
    key = {"Authorization": f"Bearer {(demo.folder / 'key').read_text()}"}

    def letters() -> list[Item]:
        found = httpx.get(f"{demo.url('service')}/v1/dead-letters", headers=key).json()["items"]
        return [one for one in found if one["id"] == made["process_id"]]

    [letter] = eventually(letters)
    assert letter["kind"] == "task_run"


@pytest.mark.parametrize(
    ("name", "content", "kind", "status", "words"),
    [
        ("orders.exe", CSV, "text/csv", 422, "name must end in .csv or .txt"),
        ("../orders.csv", CSV, "text/csv", 422, "letters, digits"),
        ("orders.csv", CSV, "image/png", 415, "text/csv or text/plain"),
        ("orders.csv", b"", "text/csv", 422, "empty"),
        ("orders.csv", b"x" * 1_000_001, "text/csv", 413, "up to a megabyte"),
    ],
)
def test_an_upload_is_validated(
    app: httpx.Client, name: str, content: bytes, kind: str, status: int, words: str
) -> None:
    """Name, type and size; each refusal is a sentence."""
    answer = app.post("/upload-file/", files={"file": (name, content, kind)})
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]


def test_an_upload_that_is_far_too_large_is_refused_unread(demo: Demo) -> None:
    """Its head is enough: no byte of the body was sent."""
    with contextlib.closing(
        http.client.HTTPConnection(demo.url("application").removeprefix("http://"))
    ) as raw:
        raw.putrequest("POST", "/upload-file/")
        raw.putheader("Content-Type", "multipart/form-data; boundary=x")
        raw.putheader("Content-Length", "5000000000")
        raw.endheaders()
        assert raw.getresponse().status == 413


def test_an_upload_of_unknown_length_is_refused(app: httpx.Client) -> None:
    """What does not say how large it is could be of any size."""
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert app.post("/upload-file/", content=iter([b"--x--"]), headers=headers).status_code == 411


def test_a_task_s_error_is_on_the_dashboard(app: httpx.Client) -> None:
    """Success rates and error types, as a page and as JSON."""
    for item in (1, 2):
        accepted(app.post(f"/items/{item}/process"))

    def numbers() -> Item | None:
        answer = app.get("/dashboard", headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.text
        tasks = {one["task"].rpartition(".")[2]: one for one in answer.json()["tasks"]}
        errors = {one["type"]: one for one in answer.json()["errors"]}
        mine = tasks.get("process_item")
        return mine if mine and mine["completed"] and mine["failed"] and "ValueError" in errors else None

    mine = eventually(numbers)
    assert 0 < mine["success_rate"] < 1
    page = app.get("/dashboard")
    assert page.headers["content-type"].startswith("text/html")
    for words in ("process_item", "ValueError", f"{mine['success_rate'] * 100:.0f} %"):
        assert words in page.text


def test_what_can_be_pressed_acts(demo: Demo) -> None:
    """A mail's link asks and then acts; a Slack button is sent to the service, which edits the message.

    The messages may be those of earlier tests: their incidents go on.
    """
    app = demo.url("application")
    httpx.post(f"{app}/users/-21/process")
    mail = demo.wait_message("email", "there is no account for user -")
    assert mail["html"].count(demo.url("service")) >= 3
    resolve = next(url for words, url in links(mail).items() if "esolve" in words)
    assert httpx.get(resolve).status_code == 200
    assert "Resolved by" not in str(demo.messages())
    assert httpx.post(resolve).status_code == 200
    demo.wait_message("slack", "Resolved by oncall@demo.example")

    httpx.post(f"{app}/items/33/process")
    posted = demo.wait_message("slack", " is odd", thread_ts=None)
    press(demo, posted, "Acknowledge")

    def acknowledged() -> Item | None:
        now = next(one for one in demo.messages() if one["number"] == posted["number"])
        return now if "Acknowledge" not in [action["label"] for action in now["actions"]] else None

    now = eventually(acknowledged)
    assert now["edited"]
    assert "you" in str(now["lines"])
    press(demo, now, "Silence", choice=0)
    demo.wait_message("slack", "Silenced until", number=posted["number"])
    assert "Only you see this: Silenced until" in httpx.get(demo.url("inbox")).text


def test_ctrl_c_ends_everything(demo: Demo) -> None:
    """While a task runs: status 0, nothing listens any more, no process and no file is left. It ends the common one."""
    accepted(httpx.post(f"{demo.url('application')}/create-task/30"))
    listening = [*demo.ports, demo.smtp_port]
    children = children_of(demo.process.pid)
    assert len(children) == 2
    assert all(map(listens, listening))
    assert demo.stop() == 0, demo.err
    assert demo.err == ""
    assert not any(map(listens, listening))
    assert not any(map(alive, children))
    assert demo.left_behind == []


@pytest.mark.slow
def test_the_dashboard_says_when_the_service_is_away_and_the_demo_ends_with_it(own_demo: Demo) -> None:
    """A service that is stopped for a moment is away; one that dies ends the demo, which says so."""
    app = own_demo.url("application")
    service = next(pid for pid in children_of(own_demo.process.pid) if "notifier.cli" in command_of(pid))
    os.kill(service, signal.SIGSTOP)
    page = httpx.get(f"{app}/dashboard", timeout=60)
    assert page.status_code == 503
    assert "cannot be reached" in page.text
    os.kill(service, signal.SIGCONT)
    os.kill(service, signal.SIGKILL)
    assert own_demo.process.wait(STOP_WITHIN_S) == 2
    assert own_demo.err.startswith("notifier: the service ended with status -9")
    assert own_demo.left_behind == []


@pytest.mark.slow
def test_what_it_started_does_not_outlive_it(own_demo: Demo) -> None:
    """Not even when it is killed."""
    children, listening = children_of(own_demo.process.pid), own_demo.ports
    assert own_demo.stop(signal.SIGKILL) == -signal.SIGKILL
    eventually(lambda: not any(map(alive, children)))
    assert not any(map(listens, listening))


@pytest.mark.parametrize("option", ["--port", "--app-port", "--inbox-port"])
def test_a_port_in_use_is_one_sentence(option: str) -> None:
    """Which port, and what to do; status 2, and nothing was started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = started_in_vain({"--port": "0", "--app-port": "0", "--inbox-port": "0", option: port})
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(rf"notifier: port {port} cannot be had .*{option}.*\n", done.stderr), done.stderr


def test_each_needs_a_port_of_its_own() -> None:
    port = str(free_port())
    done = started_in_vain({"--port": port, "--app-port": port, "--inbox-port": "0"})
    assert (done.returncode, done.stdout) == (2, "")
    assert "each needs its own" in done.stderr
    assert started_in_vain({"--port": "70000"}).returncode == 2


def started_in_vain(options: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "notifier.cli", "demo", *(word for pair in options.items() for word in pair)],
        capture_output=True, text=True, timeout=30, check=False, env=clean_environ(),
    )  # fmt: skip


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def children_of(pid: int) -> list[int]:
    return [
        int(child.name)
        for child in Path("/proc").iterdir()
        if child.name.isdecimal() and status_of(int(child.name)).get("PPid") == str(pid)
    ]


def alive(pid: int) -> bool:
    return status_of(pid).get("State", "Z")[0] not in {"Z", "X"}


def status_of(pid: int) -> dict[str, str]:
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return {}


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
