"""Generated wrong versions of a solution: one small change of its source each."""
