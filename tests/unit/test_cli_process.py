"""The command line as a process: its streams, its signals, and an installation without the service."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

NOTIFIER = (sys.executable, "-m", "notifier.cli")


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A service that takes connections and says nothing until it is told to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def environ(server: socket.socket) -> dict[str, str]:
    return {
        **os.environ,
        "NOTIFIER_URL": f"http://127.0.0.1:{server.getsockname()[1]}",
        "NOTIFIER_KEY": "ntf_x",
    }


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What is started in the background of a shell inherits that SIGINT is ignored, and hands it on to its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_is_one_sentence(silent: socket.socket) -> None:
    """Given a command that waits for an answer, when interrupted, then it says so and exits 130."""
    process = subprocess.Popen(
        [*NOTIFIER, "keys", "list"],
        env=environ(silent),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    connection, _ = silent.accept()
    with connection:
        connection.recv(65536)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "notifier: interrupted.\n")


def test_nothing_is_printed_after_a_closed_pipe(silent: socket.socket) -> None:
    """Given a reader that has left, as `head` does, then the status says so and nothing else."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*NOTIFIER, "keys", "list", "--json"],
        env=environ(silent),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    os.close(reading)
    connection, _ = silent.accept()
    with connection:
        connection.recv(65536)
        body = b'{"items": [], "next_cursor": null}'
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        _, err = process.communicate(timeout=60)
    assert process.returncode == 141
    assert err == ""


@pytest.mark.parametrize("streams", [">/dev/full", "<&- >&-"])
def test_an_output_that_takes_nothing_is_said_to(streams: str) -> None:
    """Given a full disk, or streams that the parent has closed, then one sentence says so."""
    shell = f'exec "$@" --version {streams}'
    done = subprocess.run(["sh", "-c", shell, "sh", *NOTIFIER], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("notifier: standard output cannot be written: ")


def test_a_proxy_of_the_environment_never_stands_before_this_machine(silent: socket.socket) -> None:
    """Given HTTP_PROXY, when the service is on loopback, then it is asked itself and no proxy sees the key."""
    proxied = environ(silent) | dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    with subprocess.Popen(
        [*NOTIFIER, "healthcheck"], env=proxied, stdout=subprocess.PIPE, text=True
    ) as process:
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(65536).startswith(b"GET /readyz HTTP/1.1\r\n")
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"status":"ready"}')
            assert process.communicate(timeout=60)[0] == "status  ready\n"
    assert process.returncode == 0


def base_installation(program: str) -> subprocess.CompletedProcess[str]:
    """Run it where only the standard library, httpx and what httpx needs can be imported."""
    prologue = """
        import sys
        beside = {"httpx", "httpcore", "h11", "anyio", "sniffio", "idna", "certifi", "typing_extensions"}
        allowed = {"notifier", *beside, *sys.stdlib_module_names}
        class Absent:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] not in allowed:
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        sys.meta_path.insert(0, Absent())
    """
    source = textwrap.dedent(prologue) + textwrap.dedent(program)
    return subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_base_installation_has_the_client_and_the_commands_that_ask() -> None:
    """httpx alone is enough to import the client and to reach the service."""
    done = base_installation(
        """
        import notifier.client, httpx, os
        os.environ.pop("NOTIFIER_CONFIG", None)
        os.environ.update(NOTIFIER_URL="http://127.0.0.1:9", NOTIFIER_KEY="x")
        from notifier.cli import main
        sys.argv = ["notifier", "keys", "list"]
        sys.exit(main())
        """
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("notifier: nothing answers at http://127.0.0.1:9.")


def test_without_its_extra_the_demo_says_what_to_install() -> None:
    done = base_installation(
        """
        from notifier.cli import main
        sys.argv = ["notifier", "demo"]
        sys.exit(main())
        """
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("notifier: this command needs more than is installed (no module")
    assert "pip install '.[demo]'" in done.stderr


@pytest.mark.skipif(find_spec("notifier.app") is None, reason="the service is not built yet")
@pytest.mark.parametrize("command", ["serve", "check", "db upgrade", "keys create --offline"])
def test_without_the_service_its_commands_say_what_to_install(command: str) -> None:
    done = base_installation(
        f"""
        from notifier.cli import main
        sys.argv = ["notifier", *{command!r}.split()]
        sys.exit(main())
        """
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("notifier: this command needs the service")
    assert "pip install '.[server]'" in done.stderr
    assert "Traceback" not in done.stderr
