"""Is replaced by a link to the suite, whose lines a SyntaxError or a traceback would show."""
