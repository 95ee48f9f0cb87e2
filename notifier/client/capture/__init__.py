"""What becomes of an exception, a log record or a message: an event, once, whoever sees it."""
