"""Quality: checks of a release before it is published, and of the records in it."""
