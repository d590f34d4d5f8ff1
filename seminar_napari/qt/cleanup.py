"""What a widget must undo when it goes, also when Qt destroys it without notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Cleanup:
    """Disconnects signals, then runs the given actions, once and in the order they were given.

    It is connected to the widget's `destroyed`, when the widget's own methods can no longer be
    called.
    """

    def __init__(self, *actions: Callable[[], object]) -> None:
        self._actions = list(actions)
        self._connections: list[tuple[Any, Callable[..., object]]] = []

    def connect(self, signal: Any, slot: Callable[..., object]) -> None:
        """Connect a psygnal or napari signal, to be disconnected later."""
        signal.connect(slot)
        self._connections.append((signal, slot))

    def add(self, action: Callable[[], object]) -> None:
        """Run one more action at the end."""
        self._actions.append(action)

    def __call__(self, *_: object) -> None:
        """Clean up."""
        if not vars(self):  # the garbage collector was faster: nothing is left to disconnect
            return
        connections, self._connections = self._connections, []
        for signal, slot in connections:
            try:
                signal.disconnect(slot)
            except ValueError:  # disconnected already
                pass
            except AttributeError as error:
                # psygnal is compiled: what mypyc says of an object that the collector has emptied
                if not str(error).endswith("undefined"):
                    raise
        actions, self._actions = self._actions, []
        for action in actions:
            try:
                action()
            except RuntimeError as error:
                if "deleted" not in str(error):  # the bindings' word where Qt was faster
                    raise
            except AttributeError as error:
                # the garbage collector leaves an object without any attribute
                if getattr(error.obj, "__dict__", True):
                    raise
