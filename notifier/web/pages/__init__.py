"""Page handlers: each maps a `Visit` to a view, or to a redirect after an act."""
