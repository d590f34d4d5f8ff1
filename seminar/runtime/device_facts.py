"""A device as the command line lists it and the window shows it; without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """A device that `--device` takes, or one that cannot be used and why.

    Attributes
    ----------
    name : str
        As `--device` takes it: cpu, cuda:0, mps.
    title : str
        Name in words.
    free_bytes, total_bytes : int
        Memory; 0 where unknown.
    problem : str
        Why it cannot be used; empty where it can.
    """

    name: str
    title: str
    free_bytes: int = 0
    total_bytes: int = 0
    problem: str = ""

    @property
    def label(self) -> str:
        """Name, title and free memory in one line, or the problem."""
        if self.problem:
            return f"{self.name} — {self.problem}"
        free = f", {self.free_bytes / 2**30:.0f} GB free" if self.total_bytes else ""
        return f"{self.name} {self.title}{free}"
