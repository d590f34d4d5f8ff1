#!/usr/bin/env bash
# The tests of this folder with the programs they are about, which are too heavy for the ordinary
# tests: a new environment, pinned packages, and this checkout. ImageJ is taken from Debian
# (apt install imagej xvfb; a JDK is needed as well). Run by hand.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    datumaro==1.13.12 labelme==6.3.1 label-studio-sdk==2.1.2 supervision==0.31.2 \
    pycocotools==2.0.11 roifile==2026.2.10 \
    filelock hypothesis pillow platformdirs psutil pytest rich scikit-image tifffile tomli-w typer
cd "$root"
PYTHONPATH=$root "$folder/venv/bin/python" -m pytest -c /dev/null --rootdir . --import-mode=importlib \
    -W ignore -p no:cacheprovider \
    tests/seminar/clicks/other_programs tests/seminar/clicks/writers "$@"
