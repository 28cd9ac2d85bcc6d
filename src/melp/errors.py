"""The one error that `melp` raises at people."""


class MelpError(Exception):
    """Input that `melp` cannot use.

    The message is one line: the file or field, what was found, what was wanted. The command line prints it
    as it is and ends with exit code 2.
    """
