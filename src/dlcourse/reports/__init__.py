"""One `Report`, rendered many ways: for a terminal, as JSON."""
