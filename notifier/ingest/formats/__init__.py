"""Formats that events of other senders come in: pure, bounded functions from bytes and headers to event trees."""
