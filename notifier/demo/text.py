"""Text that the demo prints while it runs. Pure."""

from __future__ import annotations

from importlib.resources import files

from notifier.demo.layout import Layout
from notifier.demo.trials import TRIALS


def welcome(layout: Layout, sign_in_link: str) -> str:
    """The addresses, commands to try, and a one-time link that signs in to the service's pages."""
    app = layout.app
    addresses = {
        "inbox": f"{layout.inbox}/",
        "application": f"{app}/docs",
        "dashboard": f"{app}/dashboard",
        "pages": sign_in_link,
        "service": layout.service,
        "configuration": str(layout.config),
        "code": str(files("notifier.demo") / "sample.py"),
        "logs": f"{layout.folder}/application.log, service.log",
    }
    lines = [
        "The demo runs until Ctrl-C. Whatever the service sends is shown here and in the inbox.",
        "",
        *(f"  {name:<15}{value}" for name, value in addresses.items()),
        "",
        "Try it, in a second terminal or by the buttons of the inbox's page. Each of these ends in a message there,",
        "where the links of a mail and the buttons of Slack work:",
        "",
        *(
            line
            for trial in TRIALS
            for line in (f"  # {trial.what} ({trial.ends})", f"  {trial.curl(app)}", "")
        ),
        "Ask the service what it knows:",
        "",
        f"  export NOTIFIER_URL={layout.service} NOTIFIER_KEY_FILE={layout.key}",
        "  notifier incidents list",
        "  notifier dead-letters list",
        "",
    ]
    return "\n".join(lines)
