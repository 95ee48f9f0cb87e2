"""An inbox on real sockets: a mail server, a Slack and a webhook receiver whose messages can be looked at."""
