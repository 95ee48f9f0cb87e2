"""What the demo says once it runs. Pure."""

from __future__ import annotations

from importlib.resources import files

from notifier.demo.install import Install

CSV = r"'name,amount\nada,12\nfail,0\n'"


def welcome(install: Install) -> str:
    """The addresses, and lines to try."""
    app = install.app
    addresses = {
        "inbox": f"{install.inbox}/",
        "application": f"{app}/docs",
        "dashboard": f"{app}/dashboard",
        "service": install.service,
        "configuration": str(install.config),
        "code": str(files("notifier.demo") / "sample.py"),
        "logs": f"{install.folder}/application.log, service.log",
    }
    lines = [
        "The demo runs until Ctrl-C. Whatever the service sends is shown here and in the inbox.",
        "",
        *(f"  {name:<15}{value}" for name, value in addresses.items()),
        "",
        "Try it, in a second terminal. Each of these ends in a message in the inbox:",
        "",
        *(line for what, command in _tries(app) for line in (f"  # {what}", f"  {command}", "")),
        "Ask the service what it knows:",
        "",
        f"  export NOTIFIER_URL={install.service} NOTIFIER_KEY_FILE={install.key}",
        "  notifier incidents list",
        "  notifier dead-letters list",
        "",
    ]
    return "\n".join(lines)


def _tries(app: str) -> list[tuple[str, str]]:
    return [
        ("an odd item fails in the background: Slack", f"curl -X POST {app}/items/3/process"),
        (
            "a call that fails twice, and then works: Slack, and Slack again",
            f"curl -X POST {app}/process-data",
        ),
        ("and one that fails for good", f"curl -X POST '{app}/process-data?fail=true'"),
        ("a critical process: email and Slack", f"curl -X POST {app}/users/-1/process"),
        ("a long task says when it is done: the webhook", f"curl -X POST {app}/create-task/3"),
        (
            "an upload that fails, is tried again, and ends as a dead letter: Slack",
            f"printf {CSV} | curl -F 'file=@-;filename=orders.csv;type=text/csv' {app}/upload-file/",
        ),
    ]
