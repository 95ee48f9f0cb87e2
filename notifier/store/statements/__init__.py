"""Statements by the noun that they read or write, compiled once for each engine; and their rows as frozen values."""
