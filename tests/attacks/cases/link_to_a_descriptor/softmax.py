"""Is replaced by a link to the environment of whoever opens it."""
