"""The `seminar` script: its commands, and how errors become sentences and exit statuses."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping

import typer

from seminar.cli.check import check
from seminar.cli.demo import demo
from seminar.cli.devices import devices
from seminar.cli.evaluate import evaluate
from seminar.cli.export import export
from seminar.cli.export_clicks import export_clicks
from seminar.cli.import_clicks import import_clicks
from seminar.cli.measure import measure
from seminar.cli.new import new
from seminar.cli.predict import predict
from seminar.cli.probe import probe
from seminar.cli.propagate import propagate
from seminar.cli.simulate_clicks import simulate_clicks
from seminar.cli.train import train
from seminar.errors import SeminarError
from seminar.runtime.allocator import allow_retuning

app = typer.Typer(
    name="seminar",
    help="Train a segmentation network from a few clicks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS: Mapping[str, Callable[..., None]] = {
    "new": new,
    "check": check,
    "simulate-clicks": simulate_clicks,
    "import-clicks": import_clicks,
    "propagate": propagate,
    "probe": probe,
    "train": train,
    "demo": demo,
    "predict": predict,
    "evaluate": evaluate,
    "measure": measure,
    "export": export,
    "export-clicks": export_clicks,
    "devices": devices,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def main() -> None:
    """Run the command line: exit status 0 done, 2 the user's input is wrong, 1 anything else."""
    allow_retuning()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names that a console cannot spell
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except SeminarError as error:
        sys.exit(_report(str(error), 2))
    except OSError as error:
        where, what = error.filename or "a file", error.strerror or error
        sentence = f"{where}: {what}; make room or give access, then run the command again"
        sys.exit(_report(sentence, 2))
    except MemoryError:
        sys.exit(_report("memory ran out; close other programs, or work on smaller images", 1))
    except KeyboardInterrupt:
        sys.exit(_report("interrupted", 130))


def _report(message: str, status: int) -> int:
    print(f"seminar: {message}", file=sys.stderr)
    return status
