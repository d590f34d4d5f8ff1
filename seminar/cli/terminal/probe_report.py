"""What `seminar probe` prints."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from seminar.cli.terminal.texts import count

if TYPE_CHECKING:
    from seminar.probe.once import Fitted


def report(done: Fitted, *, as_json: bool) -> None:
    """Print what was learnt from, with what, how long it took, and where the model is."""
    if as_json:
        print(json.dumps(dataclasses.asdict(done) | {"model": str(done.model)}))
        return
    if done.notice:
        print(done.notice)
    print(
        f"{count(done.clicks, 'click')} on {count(done.images, 'image')}, {done.features}: "
        f"features {done.feature_seconds:.1f} s, fit {done.fit_seconds:.2f} s"
    )
    print(done.model)
