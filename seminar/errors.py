"""Errors in the user's input, each reported in whole sentences."""

from __future__ import annotations

from collections.abc import Iterable


class SeminarError(Exception):
    """The user's input is wrong.

    The message says what was expected, what came, where, and what to do. The command line prints it
    without a traceback and exits with status 2.
    """


class DatasetError(SeminarError):
    """All that is wrong with a project, in one error.

    Attributes
    ----------
    faults : tuple of str
        One sentence for each fault: where, what, remedy.
    """

    def __init__(self, faults: str | Iterable[str]) -> None:
        self.faults = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class ConfigError(SeminarError):
    """A setting is unknown, of the wrong type, or out of its range."""


class CheckpointError(SeminarError):
    """A model or checkpoint file is damaged, from a newer version, or of another network."""
