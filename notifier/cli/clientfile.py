"""The user's settings: `$XDG_CONFIG_HOME/notifier/client.toml` with `url`, `key_file` and `actor`.

Environment variables override it, and it overrides `--config`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from notifier.cli.session import CommandFailure, CommandSession, Exit

KEYS = ("url", "key_file", "actor")
LARGEST = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFile:
    """The client file. A relative `key_file` is relative to the file's folder."""

    url: str | None = None
    key_file: str | None = None
    actor: str | None = None


def client_file(environ: Mapping[str, str]) -> ClientFile:
    """The settings in the client file; empty if it does not exist."""
    path = _path(environ)
    if path is None or not _exists(path):
        return ClientFile()
    try:
        text = path.read_bytes()[:LARGEST].decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise CommandFailure(Exit.USAGE, f"{path} cannot be read: {reason}.") from error
    return _read(path, text, environ)


def actor_of(session: CommandSession, given: str | None) -> str | None:
    """The actor: `--actor`, else NOTIFIER_ACTOR, else the client file's, else the login name."""
    environ = session.environ
    told = given or environ.get("NOTIFIER_ACTOR") or client_file(environ).actor
    return told or session.login()


def warn_if_shared(session: CommandSession, name: str) -> None:
    """Warn if others can read the key file, and its owner can change that."""
    try:
        status = os.stat(name)  # noqa: PTH116 - a name, not a path of ours
    except OSError:
        return
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077:
        session.say(f"notifier: warning: others may read the key in {name}: chmod 600 it.")


def _exists(path: Path) -> bool:
    """Whether the file exists; false if the folder may not be read."""
    try:
        return path.is_file()
    except OSError:
        return False


def _path(environ: Mapping[str, str]) -> Path | None:
    folder = environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(folder):  # noqa: PTH117 - the specification ignores others
        return Path(folder) / "notifier" / "client.toml"
    home = environ.get("HOME")
    return Path(home) / ".config" / "notifier" / "client.toml" if home else None


def _read(path: Path, text: str, environ: Mapping[str, str]) -> ClientFile:
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CommandFailure(Exit.USAGE, f"{path}: this is no TOML: {error}.") from error
    if "key" in document:
        raise CommandFailure(
            Exit.USAGE, f"{path}: a key does not belong here: keep it in a file, and name that as `key_file`."
        )
    if document.keys() - set(KEYS) or not all(type(value) is str for value in document.values()):
        raise CommandFailure(
            Exit.USAGE,
            f"{path}: it sets {', '.join(f'`{key}`' for key in KEYS)}, each as text, and nothing else.",
        )
    settings = {key: value.strip() for key, value in document.items() if value.strip()}
    if "key_file" in settings:
        own = (
            settings["key_file"].replace("~", environ.get("HOME", "~"), 1)
            if settings["key_file"].startswith("~/")
            else settings["key_file"]
        )
        settings["key_file"] = str(path.parent / own)
    return ClientFile(**settings)
