"""An inbox on real sockets: a mail server, a Slack and a webhook receiver that show what they receive."""
