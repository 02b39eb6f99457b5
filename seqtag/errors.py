"""The one exception for what a user can put right."""


class InputError(ValueError):
    """What the user gave is wrong: a file, a line, a setting.

    The message is one sentence that names the file, line or field and says what to do. Commands print it as one line
    on stderr and exit with 2; everything else that goes wrong keeps its own type and exits with 1.
    """
