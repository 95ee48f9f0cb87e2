"""An exception, a log record or a message becomes an event: once, whoever sees it."""
