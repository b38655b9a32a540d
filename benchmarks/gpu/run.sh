#!/usr/bin/env bash
# Compares a published dino binary with transformers' ViTModel on this machine's NVIDIA GPU; see README.md beside this file.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
command -v "$python" >/dev/null || { echo "gpu benchmark: no $python here; set PYTHON to a Python 3 with torch and transformers" >&2; exit 1; }
exec "$python" -B -u "$here/compare.py" "$@"
