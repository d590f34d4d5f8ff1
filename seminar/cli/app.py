"""The typer application: one place where errors become sentences and exit statuses."""

from __future__ import annotations

import sys

import typer

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


@app.callback()
def _commands() -> None:
    """Train a segmentation network from a few clicks."""


def run() -> None:
    """Run the command line: exit status 0 done, 2 the user's input is wrong, 1 anything else."""
    allow_retuning()
    try:
        app()
    except SeminarError as error:
        sys.exit(_say(str(error), 2))
    except OSError as error:
        sys.exit(
            _say(
                f"{error.filename or 'a file'}: {error.strerror or error}; make room or give"
                " access, then run the command again",
                2,
            )
        )
    except MemoryError:
        sys.exit(_say("memory ran out; close other programs, or work on smaller images", 1))
    except KeyboardInterrupt:
        sys.exit(_say("interrupted", 130))


def _say(message: str, status: int) -> int:
    print(f"seminar: {message}", file=sys.stderr)
    return status
