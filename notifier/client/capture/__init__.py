"""Turns an exception, a log record or a message into an event, once, no matter how often it is seen."""
