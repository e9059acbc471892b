"""A deep-learning course with PyTorch that grades itself, and the grader behind it."""

__version__ = "0.1.0"
