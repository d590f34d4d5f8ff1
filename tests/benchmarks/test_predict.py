"""The benchmark measures what it says, on a small scale."""

from __future__ import annotations

import json

import pytest

from benchmarks.speed import predict
from benchmarks.speed.predict import PredictBench, run_predict_bench


def test_it_measures_the_tiles_that_the_predictor_takes() -> None:
    found = run_predict_bench(side=160, tile_size=96, overlap=32, repeats=1, device="cpu")
    assert found.tiles == 4
    assert 0.1 < found.ratio < 2
    assert found.megapixels_per_second > 0


@pytest.mark.parametrize(("ratio", "is_met"), [(0.95, True), (0.85, False)])
def test_json_has_the_figures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ratio: float, is_met: bool
) -> None:
    monkeypatch.setattr(
        predict, "run_predict_bench", lambda **_: PredictBench(ratio, 1.5, 9, 512, 1408, "cpu")
    )
    predict.main(["--json"])
    data = json.loads(capsys.readouterr().out)
    assert (data["ratio"], data["is_met"], data["bar"]) == (ratio, is_met, 0.9)
    predict.main([])
    assert f"keeps {100 * ratio:.0f} %" in capsys.readouterr().out
