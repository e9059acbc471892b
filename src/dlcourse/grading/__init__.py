"""Grading: one submission in, one report out."""
