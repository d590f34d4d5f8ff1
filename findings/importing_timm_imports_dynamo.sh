#!/usr/bin/env bash
# Importing timm, or torchvision for one of its layers, imports PyTorch's compiler front end: torchvision.ops.roi_align
# asks torch._dynamo whether it can compile. That is more than the rest of timm and torchvision together, and as long
# as importing torch itself. A program that has to answer within seconds of its start pays it without ever compiling.
#
# Seen with torch 2.14.1, torchvision 0.29.1, timm 1.0.31 on Python 3.11: `import torch` alone leaves torch._dynamo
# out of sys.modules; `import torchvision.ops` (1.6 s after torch, two cores of a Xeon) and `import timm` (2.2 s) bring it
# in, and it is .67 of the import of timm.
#
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    torch==2.14.1 torchvision==0.29.1 timm==1.0.31 numpy==2.4.6
python="$folder/venv/bin/python"
for module in torch torchvision.ops timm; do
    "$python" -W ignore - "$module" <<'PYTHON'
import importlib, sys, time

import torch

before = "torch._dynamo" in sys.modules
start = time.perf_counter()
importlib.import_module(sys.argv[1])
whole = time.perf_counter() - start
after = "torch._dynamo" in sys.modules
print(f"import {sys.argv[1]} after torch: {whole:.1f} s, torch._dynamo loaded: {after}")
assert not before
assert after == (sys.argv[1] != "torch")
PYTHON
done
"$python" -W ignore -X importtime -c "import torch, timm" 2>"$folder/times"
share=$(awk -F'|' '{gsub(/ /, "", $3)} $3 == "torch._dynamo" {dynamo = $2} $3 == "timm" {timm = $2}
    END {printf "%.2f", dynamo / timm}' "$folder/times")
echo "torch._dynamo's share of the import of timm: $share"
awk -v share="$share" 'BEGIN {exit !(share > 0.33)}'
echo "as described"
