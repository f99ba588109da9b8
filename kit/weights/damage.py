"""The error of the checkpoint readers."""


class CheckpointError(ValueError):
    """A checkpoint is damaged, has another format, or contains a type that is not allowed."""
