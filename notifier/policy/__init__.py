"""Decisions as pure functions that return named reasons; time, ids and jitter are arguments."""
