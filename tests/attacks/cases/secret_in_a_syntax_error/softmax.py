"""Raises a syntax error whose place is a line of the solution."""


def softmax(x, dim):
    error = SyntaxError("invalid syntax", ("@SOLUTION@", 16, 1, None, 16, 9))
    error.print_file_and_line = True
    raise error
