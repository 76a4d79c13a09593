"""The ways mapping says no."""


class RefusedError(ValueError):
    """Input that is not mapped; the message tells a data manager what is wrong, where, and what would help."""


class TableError(ValueError):
    """A mapping table that cannot be used; the message says which file, which row, and why."""
