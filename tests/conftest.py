"""Fixtures of all tests."""

from __future__ import annotations

import gc
import os
import sys
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "seminar",
    deadline=None,  # a busy machine is no defect
    suppress_health_check=[HealthCheck.too_slow],
    # the same commit gets the same answer there; elsewhere every run looks further
    derandomize="CI" in os.environ,
)
settings.load_profile("seminar")
# other tests have the other cores; the processes that tests start inherit it
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))  # for command_line


def pytest_collection_finish() -> None:
    """What was imported stays to the end: the garbage collector, which took a sixth of the
    window's tests, need not look at it every time.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images that lies beside the checkout; tests that need it skip where it
    is absent.
    """
    folder = Path(
        os.environ.get("SEMINAR_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
    )
    if not folder.is_dir():
        pytest.skip(f"no real images at {folder}")
    return folder


@pytest.fixture
def bioimageio() -> None:
    """Skips where bioimageio.core is absent, or beside a pydantic that it does not work with."""
    try:  # not imported: tests of the window never load torch
        found = {
            name: metadata.version(name)
            for name in ("bioimageio.core", "bioimageio.spec", "pydantic")
        }
    except metadata.PackageNotFoundError as error:
        pytest.skip(f"{error.name} is not installed")
    spec, pydantic = found["bioimageio.spec"], found["pydantic"]
    if tuple(map(int, pydantic.split(".")[:2])) >= (2, 14) and spec.startswith("0.5.12"):
        pytest.skip(
            f"bioimageio.spec {spec} does not work with pydantic {pydantic}; the extra asks for"
            " pydantic<2.14"
        )
