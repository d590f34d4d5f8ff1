"""How fast this machine trains, remembered from run to run, to give a budget in minutes."""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from seminar.config.backbones import BACKBONES
from seminar.config.coercion import coerce
from seminar.config.settings import TrainConfig
from seminar.io.files import write_text

KEPT = 40
BACKBONE_COST: dict[str, float] = {name: facts.cost for name, facts in BACKBONES.items()}


@dataclass(frozen=True)
class Pace:
    """Iterations a second that a run did on this machine."""

    host: str
    device: str
    backbone: str
    crop_size: int
    batch_size: int
    losses: tuple[str, ...]
    crf: tuple[str, int]
    rate: float

    @classmethod
    def of(cls, config: TrainConfig, device: str, rate: float) -> Pace:
        """The pace of a run with these settings; `device` as in "cuda:0 (NVIDIA H200)"."""
        crf = (config.crf_method, config.crf_landmarks)
        return cls(
            socket.gethostname(),
            _plain(device),
            config.backbone,
            config.crop_size,
            config.batch_size,
            config.losses,
            crf,
            rate,
        )

    def work(self) -> float:
        """Relative cost of one iteration."""
        return self.batch_size * self.crop_size**2 * BACKBONE_COST.get(self.backbone, 1.0)

    def alike(self, other: Pace) -> bool:
        """Whether two runs do the same work in an iteration."""
        return asdict(self) | {"rate": 0} == asdict(other) | {"rate": 0}


@dataclass(frozen=True)
class Estimate:
    """Iterations a second to expect; `measured` with the same settings, or else converted."""

    rate: float
    measured: bool


class SpeedBook:
    """The paces remembered in a small file in the user's cache folder."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or platformdirs.user_cache_path("seminar") / "speed.json"
        self._paces: list[Pace] | None = None

    def paces(self) -> list[Pace]:
        """Newest first; a damaged file is treated as empty."""
        if self._paces is None:
            try:
                entries = json.loads(self._path.read_text(encoding="utf-8"))
                self._paces = list(coerce(entries, tuple[Pace, ...]))
            except (OSError, ValueError, TypeError):
                self._paces = []
        return self._paces

    def remember(self, pace: Pace) -> None:
        """Keep a run's pace, instead of an earlier one with the same settings."""
        self._paces = [pace, *(old for old in self.paces() if not old.alike(pace))][:KEPT]
        with contextlib.suppress(OSError):  # a guess at the time is worth no error
            write_text(self._path, json.dumps([asdict(kept) for kept in self._paces]))

    def estimate(self, config: TrainConfig, device: str) -> Estimate | None:
        """The speed to expect on `device`; None where nothing was trained there yet."""
        wanted = Pace.of(config, device, 0.0)
        here = [
            pace
            for pace in self.paces()
            if pace.host == wanted.host and pace.device == wanted.device and pace.rate > 0
        ]
        for pace in here:
            if pace.alike(wanted):
                return Estimate(pace.rate, measured=True)
        if not here:
            return None
        return Estimate(here[0].rate * here[0].work() / wanted.work(), measured=False)


def _plain(device: str) -> str:
    name = device.split(" ")[0]
    return "cuda:0" if name == "cuda" else name
