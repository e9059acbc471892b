"""Lies in a folder that is a link to the solutions."""
