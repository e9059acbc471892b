"""Is replaced by a device that gives zeros for ever."""
