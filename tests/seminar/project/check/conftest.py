"""What all checks have in common: a fault is one sentence, and a run is refused because of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seminar.errors import DatasetError
from seminar.project.check.project import check, validate
from seminar.project.project import Project


@pytest.fixture
def expect_one_fault(project: Project) -> Callable[[Callable[[Project], None], str], None]:
    """Break the project: this is its only fault, in one sentence that begins so."""

    def expect(break_it: Callable[[Project], None], sentence: str) -> None:
        break_it(project)
        faults = check(project)
        assert len(faults) == 1, faults
        assert faults[0].startswith(sentence)
        assert "\n" not in faults[0]
        assert str(project.path) not in faults[0]  # named from the project on
        with pytest.raises(DatasetError) as caught:
            validate(project)
        assert caught.value.faults == faults

    return expect
