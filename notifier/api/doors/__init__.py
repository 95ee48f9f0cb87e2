"""Doors: where senders of other formats come in. Each adds how its key is found, and what its clients want to hear."""
