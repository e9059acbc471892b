"""How fast the grader is, in ratios of pairs measured in one run."""
