"""Images with different numbers of channels: one rule and one sentence for all who ask."""

from __future__ import annotations

from collections.abc import Mapping

from seminar.io.names import names_of


def mixed_channels(counts: Mapping[str, int]) -> str:
    """What is wrong with images of these numbers of channels, by image id; empty if nothing is.

    A network takes one number of channels, so such images do not train together.
    """
    groups: dict[int, list[str]] = {}
    for image_id, count in counts.items():
        groups.setdefault(count, []).append(image_id)
    if len(groups) < 2:
        return ""
    said = "; ".join(f"{count} in {names_of(ids)}" for count, ids in sorted(groups.items()))
    return f"images with different numbers of channels: {said}"
