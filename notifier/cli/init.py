"""`notifier init`: a starting configuration, with files for operating the service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from notifier.cli.options import Arguments, Subparsers, command
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.cli.text import as_json

DEFAULT = Path("config/notifier.yaml")


def add(commands: Subparsers) -> None:
    parser = command(
        commands,
        "init",
        init,
        "write a starter configuration, and files for systemd, containers, proxies and Prometheus",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        nargs="?",
        default=DEFAULT,
        help=f"the configuration (default: {DEFAULT}); the other files go into its folder",
    )


def init(arguments: Arguments, session: CommandSession) -> Exit:
    """Write the files that do not exist yet; existing ones are reported and left unchanged."""
    target: Path = arguments.file
    if target.is_dir():
        raise CommandFailure(
            Exit.USAGE, "that is a folder: name the file, as in `notifier init etc/notifier.yaml`."
        )
    written: list[str] = []
    kept: list[str] = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _kit() as kit:
            for source in sorted(kit.iterdir()):
                path = target if source.name == DEFAULT.name else target.parent / source.name
                (written if _write(path, source.read_bytes()) else kept).append(str(path))
    except OSError as error:
        raise CommandFailure(Exit.USAGE, f"the files cannot be written: {error.strerror}.") from error
    if arguments.json:
        session.put(as_json({"written": written, "kept": kept}))
    else:
        for name in written:
            session.put(name)
    for name in kept:
        session.say(f"{name} is there already: left as it is.")
    session.say(f"Change {target} to your needs, then: notifier check --config {target}")
    return Exit.OK


def _write(path: Path, content: bytes) -> bool:
    """Write the file unless it exists; true if it was written."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True


@contextmanager
def _kit() -> Iterator[Path]:
    """The folder with the files: `notifier/kit` in the wheel, `config` in a clone."""
    packaged = files("notifier") / "kit"
    if packaged.is_dir():
        with as_file(packaged) as folder:
            yield folder
        return
    yield Path(str(files("notifier"))).parent / "config"
