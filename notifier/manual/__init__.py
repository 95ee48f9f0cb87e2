"""The manual of the version that runs: Markdown in folders, and what reads and searches it."""
