"""What can go wrong before or during a run, by name. The programs print the message and exit."""

TRY_AGAIN = 75
"""How the trainer ends where another try may work: a bucket, a disk or another host does not answer."""


class TrainingError(Exception):
    """Base of every error that a training program reports."""


class BadConfig(TrainingError):
    """A field of the experiment has a value that cannot work."""


class NoImages(TrainingError):
    """The data path holds no image that can be read, or too few to hold some out."""


class WrongCheckpoint(TrainingError):
    """The working directory belongs to another experiment, or holds no checkpoint at all."""


class CannotSave(TrainingError):
    """A checkpoint could not be written: the disk is full, or gone."""


class Diverged(TrainingError):
    """Too many steps in a row had a non-finite gradient."""
