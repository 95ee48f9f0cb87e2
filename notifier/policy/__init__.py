"""Pure decisions. Each returns a named reason; time, ids and jitter are arguments."""
