"""Which overlays are shown: the chosen one, the one whose key is held, or several in a grid."""

from __future__ import annotations

from psygnal import Signal

from seminar_napari.inspect.overlay_kinds import OVERLAYS, STUDENT


class OverlayChoice:
    """The choice of one overlay, and of those that are switched on over it.

    Attributes
    ----------
    chosen : str or None
        The overlay that is shown while no key is held; None for none.
    held : str or None
        The overlay whose key is held.
    """

    changed = Signal()

    def __init__(self) -> None:
        self.chosen: str | None = STUDENT
        self.held: str | None = None
        self._is_own = False
        self._together: tuple[str, ...] = ()
        self._on: set[str] = set()

    def shows(self, name: str) -> bool:
        """Whether this overlay is to be seen."""
        if self._together:
            return name in self._together
        if OVERLAYS[name].toggle:
            return name in self._on
        return name == (self.held or self.chosen)

    def is_on(self, name: str) -> bool:
        """Whether this overlay is switched on over the others."""
        return name in self._on

    @property
    def has_heat(self) -> bool:
        """Whether a heat map lies over the chosen overlay."""
        return bool(self._on) and not self._together

    def choose(self, name: str | None) -> None:
        """Show this overlay alone, because the person wants it."""
        self.chosen, self.held, self._is_own = name, None, True
        self.changed.emit()

    def suggest(self, name: str) -> None:
        """Show this overlay, as the best there is, until the person chooses one."""
        if not self._is_own and name != self.chosen:
            self.chosen = name
            self.changed.emit()

    def forget(self) -> None:
        """Another project: what the person chose was for the one before."""
        self._is_own = False

    def hold(self, name: str) -> None:
        """Show this overlay alone until `release`."""
        self.held = name
        self.changed.emit()

    def release(self, name: str) -> None:
        """Show the chosen overlay again if this one is held."""
        if self.held == name:
            self.held = None
            self.changed.emit()

    def toggle(self, name: str, on: bool) -> None:
        """Switch an overlay on or off over the others."""
        (self._on.add if on else self._on.discard)(name)
        self.changed.emit()

    def show_together(self, names: tuple[str, ...]) -> None:
        """Show these at once, each in a cell of a grid; an empty tuple ends that."""
        self._together = names
        self.changed.emit()
