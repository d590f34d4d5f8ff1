"""A process that writes a run folder as the trainer does, without learning anything: python
small_trainer.py RUN_FOLDER MODE [ITERATIONS].
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from seminar.config.settings import TrainConfig
from seminar.run import events
from seminar.run.folder import RunFolder

SECONDS = 0.02


def main(folder: Path, mode: str, iterations: int) -> None:
    run = RunFolder(folder)
    if mode == "refuse":
        sys.exit(
            print(
                "seminar: classes.txt: expected two classes, got one; add a class", file=sys.stderr
            )
            or 2
        )
    run.claim()
    run.clear_requests()
    resumed = run.config_path.exists()
    run.write_config(TrainConfig(preset="quick", iterations=iterations))
    tell = run.append_event
    tell(
        events.Started(
            stages=("ancillary",),
            class_names=("background", "cell"),
            images=1,
            clicks=2,
            device="cpu (1 thread)",
            resumed=resumed,
        )
    )
    tell(events.StageStarted(stage="ancillary", iteration=0, iterations=iterations))
    for iteration in range(1, iterations + 1):
        time.sleep(SECONDS)
        if run.pause_requested():
            tell(events.Paused(stage="ancillary", iteration=iteration))
            while run.pause_requested() and not run.stop_requested():
                time.sleep(SECONDS)
            tell(events.Continued(stage="ancillary", iteration=iteration))
        if run.stop_requested() and mode != "deaf":
            tell(events.CheckpointSaved(stage="ancillary", iteration=iteration))
            tell(events.Finished(reason="stopped", stage="ancillary", iteration=iteration))
            run.release()
            return
        tell(step(iteration, iterations))
        if iteration == iterations // 2:
            tell(events.CheckpointSaved(stage="ancillary", iteration=iteration))
            if (asked := run.preview_requested()) is not None:
                tell(
                    events.Preview(
                        stage="ancillary", iteration=iteration, image_id=asked, layers=("student",)
                    )
                )
            misbehave(run, mode)
    tell(events.Finished(reason="completed", stage="ancillary", iteration=iterations))
    run.release()


def step(iteration: int, iterations: int) -> events.Step:
    left = (iterations - iteration) * SECONDS
    losses = {"pce": 1 / iteration, "crf": 0.1 / iteration, "total": 2 / iteration}
    return events.Step(
        stage="ancillary",
        iteration=iteration,
        iterations=iterations,
        losses=losses,
        lr=1e-3,
        iterations_per_second=1 / SECONDS,
        seconds_left=left,
        memory_bytes=2**30,
    )


def misbehave(run: RunFolder, mode: str) -> None:
    if mode == "fail":
        run.append_event(events.Failed(message="memory ran out; choose a smaller crop size"))
        run.release()
        sys.exit(1)
    if mode == "crash":
        raise ZeroDivisionError("a defect")
    if mode == "die":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 20)
