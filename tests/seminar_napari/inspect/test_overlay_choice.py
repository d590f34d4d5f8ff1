"""Which overlays are shown."""

from __future__ import annotations

from seminar_napari.inspect.overlay_choice import OverlayChoice
from seminar_napari.inspect.overlay_kinds import OVERLAYS


def shown(choice: OverlayChoice) -> set[str]:
    return {name for name in OVERLAYS if choice.shows(name)}


def test_one_is_chosen_and_a_held_key_shows_another_for_as_long() -> None:
    choice = OverlayChoice()
    changes: list[None] = []
    choice.changed.connect(lambda: changes.append(None))
    assert shown(choice) == {"student"}
    choice.hold("truth")
    assert shown(choice) == {"truth"}
    choice.release("teacher")
    assert shown(choice) == {"truth"} and len(changes) == 1, "another key was released"
    choice.release("truth")
    assert shown(choice) == {"student"}
    choice.choose(None)
    assert shown(choice) == set() and len(changes) == 3


def test_a_toggle_lies_over_the_others_and_the_grid_replaces_both() -> None:
    choice = OverlayChoice()
    choice.toggle("disagreement", True)
    assert shown(choice) == {"student", "disagreement"} and choice.is_on("disagreement")
    choice.show_together(("teacher", "truth"))
    assert shown(choice) == {"teacher", "truth"}
    choice.show_together(())
    assert shown(choice) == {"student", "disagreement"}
    choice.toggle("disagreement", False)
    assert shown(choice) == {"student"}


def test_the_best_is_suggested_until_the_person_chooses_and_again_in_another_project() -> None:
    choice = OverlayChoice()
    changes: list[None] = []
    choice.changed.connect(lambda: changes.append(None))
    choice.suggest("probe")
    choice.suggest("probe")
    assert shown(choice) == {"probe"} and len(changes) == 1
    choice.hold("truth")
    choice.suggest("student")
    assert shown(choice) == {"truth"} and choice.chosen == "student"
    choice.choose(None)
    choice.suggest("probe")
    assert shown(choice) == set()
    choice.forget()
    choice.suggest("probe")
    assert shown(choice) == {"probe"}
