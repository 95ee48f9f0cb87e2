"""Event formats of other senders: pure, bounded functions from bytes and headers to event trees."""
