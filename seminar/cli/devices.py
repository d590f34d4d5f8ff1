"""`seminar devices`: the devices of this machine to train on."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer


def devices(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON instead of text")
    ] = False,
) -> None:
    """List the devices to train on.

    Shows their memory, and why others cannot be used.
    """
    from seminar.runtime.device_list import find_devices

    found = find_devices()
    if as_json:
        print(json.dumps([asdict(device) for device in found]))
        return
    for device in found:
        line = f"{device.name:8} {device.title}"
        if device.total_bytes:
            free, total = device.free_bytes / 2**30, device.total_bytes / 2**30
            line += f", {free:.1f} of {total:.1f} GB free"
        if device.problem:
            line += f"  (not usable: {device.problem})"
        print(line)
