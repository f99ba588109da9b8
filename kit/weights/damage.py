"""The one error of the readers of foreign checkpoints."""


class CheckpointError(ValueError):
    """A checkpoint is damaged, of another format, or holds what the reader does not allow."""
