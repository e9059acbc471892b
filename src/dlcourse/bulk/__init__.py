"""Many submissions: found, graded side by side, kept in a gradebook."""
