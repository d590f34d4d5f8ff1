"""The devices of this machine, from a child process: the window never imports torch."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

from psygnal import Signal
from superqt.utils import thread_worker

from seminar.config.coercion import coerce
from seminar.runtime.device_facts import Device
from seminar_napari.workers.child import Child, said_error, seminar_command

PROBE_SECONDS = 300.0
FRESH_SECONDS = 300.0
"""After this time the devices are asked again: free memory changes."""


Answer = tuple[Device, ...] | str
"""The devices, or a sentence that says why they are not known."""


class DeviceProbe:
    """Asks for the devices in the background; all windows of this program share the answer.

    The worker is superqt's: napari asks before it closes with one of its own.
    """

    answered = Signal(tuple)  # of Device
    failed = Signal(str)

    _answer: tuple[Device, ...] = ()
    _answer_time = float("-inf")

    def __init__(self) -> None:
        self._child: Child | None = None
        self._closed = False

    @property
    def known(self) -> tuple[Device, ...]:
        """The last answer; empty before the first."""
        return DeviceProbe._answer

    def ask(self) -> None:
        """Emit `answered` now if the answer is fresh, else when the child process has ended."""
        if self.known and time.monotonic() - DeviceProbe._answer_time < FRESH_SECONDS:
            self.answered.emit(self.known)
        elif self._child is None:
            self._closed = False
            worker = _probe(self)
            worker.returned.connect(self._take)
            worker.start()

    def close(self) -> None:
        """End the child process if it still runs."""
        self._closed = True

    def _take(self, answer: Answer) -> None:
        if self._closed:
            return
        if isinstance(answer, str):
            self.failed.emit(answer)
            return
        DeviceProbe._answer, DeviceProbe._answer_time = answer, time.monotonic()
        self.answered.emit(answer)

    def probe(self) -> Generator[None, None, Answer]:
        """Run the child to its end, a tenth of a second at a time."""
        with tempfile.TemporaryDirectory(prefix="seminar-") as folder:
            log = Path(folder) / "devices.json"
            child = self._child = Child(seminar_command(["devices", "--json"]), log)
            try:
                deadline = time.monotonic() + PROBE_SECONDS
                while child.poll() is None and time.monotonic() < deadline and not self._closed:
                    child.wait(0.1)
                    yield
            finally:
                if child.poll() is None:
                    child.kill()
                    child.wait(5)
                self._child = None
            return parse_devices(child.log_tail())


def parse_devices(output: str) -> Answer:
    """The devices in the child's output, or a sentence on why there are none."""
    for line in reversed(output.splitlines()):
        if line.startswith("["):
            try:
                found: tuple[Device, ...] = coerce(json.loads(line), tuple[Device, ...])
                return found
            except (ValueError, TypeError):
                break
    return (
        f"the devices of this machine could not be listed: {said_error(output) or 'no answer'}; "
        "'auto' still takes the best one"
    )


@thread_worker  # type: ignore[untyped-decorator,unused-ignore]
def _probe(probe: DeviceProbe) -> Generator[None, None, Answer]:
    return (yield from probe.probe())
