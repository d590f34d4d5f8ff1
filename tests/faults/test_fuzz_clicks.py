"""Files with clicks of other programs, damaged at random: each is read, or refused with a sentence,
and an import of it is whole or nothing.

    SEMINAR_FUZZ_CASES=2000 python -m pytest tests/faults/test_fuzz_clicks.py     # a format
"""

from __future__ import annotations

import os
import random
import resource
import traceback
from pathlib import Path

import numpy as np
import pytest
from click_samples import ANSWERS, SAMPLES
from fuzz import MEMORY, SECONDS, Hang, Watch, damaged, limits
from PIL import Image

from seminar.clicks.readers.format_table import READERS, read_clicks
from seminar.errors import SeminarError
from seminar.labels import ClassNames
from seminar.project.import_clicks import take_back, write_import
from seminar.project.import_plan.match_images import ImageMatch
from seminar.project.import_plan.match_labels import LabelRules
from seminar.project.import_plan.plan_import import plan_import
from seminar.project.project import Project

CASES = int(os.environ.get("SEMINAR_FUZZ_CASES", "40"))
RULES = LabelRules(unnamed="cell", add=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("fuzz")
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(folder / "field.png")
    return Project.create(
        folder / "project", [folder / "field.png"], ClassNames.of("background", "cell")
    )


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


def content(project: Project) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in project.path.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def import_all_or_nothing(project: Project, path: Path, format: str, write: bool) -> None:
    """Read as auto and as `format`, plan, and at times write and take back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seminar.clicks.readers.source.MAX_BYTES", 2**20)
        for name in ("auto", format):
            try:
                reading = read_clicks(path, name, ANSWERS)
                match = ImageMatch(project.image_ids(), by_frame=True)
                plan = plan_import(
                    project, {path: reading}, match=match, rules=RULES, answers=ANSWERS
                )
            except SeminarError as error:
                assert str(error), "an error without a sentence"
                assert "\n\n" not in str(error)
                str(error).encode()  # can be printed
                continue
            assert np.isfinite(np.array([click[:2] for click in reading.clicks])).all()
            if write:
                list(write_import(project, plan))
                take_back(project, plan)


@pytest.mark.parametrize("format", READERS)
def test_damaged_files_are_read_or_refused(
    format: str, project: Project, watch: Watch, tmp_path: Path
) -> None:
    ending, good = SAMPLES[format]
    path = tmp_path / f"field{ending}"
    others = [data for _, data in SAMPLES.values()]
    before = content(project)
    ceiling = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + MEMORY
    failures = []
    for number in range(CASES):
        rng = random.Random(f"{format}.{number}")
        path.write_bytes(damaged(good, rng, lambda rng=rng: rng.choice(others)))  # type: ignore[misc]
        watch.folder = os.path.realpath(tmp_path.parent)
        try:
            with limits(SECONDS):
                import_all_or_nothing(project, path, format, write=number % 10 == 0)
        except (Hang, Exception):  # noqa: BLE001  # whatever it is, it is what we look for
            failures.append(f"case {number}: {traceback.format_exc()[-1500:]}")
        finally:
            watch.folder = None
    assert failures == []
    assert [one for one in watch.writes if str(project.path) not in one] == []
    assert content(project) == before
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < ceiling
