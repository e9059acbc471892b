"""The trust boundary: graded code runs in a confined worker that answers typed calls."""
