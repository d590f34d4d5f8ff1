"""What the `seminar` script runs. Importing the command modules adds their commands; torch is
imported only by those that compute.
"""

import importlib.util

from seminar.cli.app import run

for _name in ("project", "propagate", "train", "demo", "predict", "export", "devices"):
    if importlib.util.find_spec(f"seminar.cli.{_name}"):
        importlib.import_module(f"seminar.cli.{_name}")

main = run
