"""Is replaced by a pipe that nobody ever writes to."""
