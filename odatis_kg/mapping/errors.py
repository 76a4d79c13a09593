"""The one way mapping says no."""


class RefusedError(ValueError):
    """Input that is not mapped; the message tells a data manager what is wrong, where, and what would help."""
