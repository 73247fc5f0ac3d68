"""The one exception that means "what you gave me is wrong", as opposed to a bug."""


class InputError(ValueError):
    """Input that a person can put right: data, parameters or an artifact.

    The message says what was expected, what came, where, and what to do. Steps show it without a stack
    trace and exit with status 2.
    """
