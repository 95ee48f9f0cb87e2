"""The manual of the running version: Markdown chapters, and the code that reads and searches them."""
