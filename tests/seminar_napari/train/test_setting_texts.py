"""The form's texts."""

from __future__ import annotations

from seminar.config.settings import TERMS
from seminar_napari.train.setting_texts import term_text


def test_every_term_has_a_text_and_a_new_one_its_own_name() -> None:
    assert len({term_text(term) for term in TERMS}) == len(TERMS)
    assert term_text("size_prior") == "size_prior"
