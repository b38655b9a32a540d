#!/bin/bash
# Proves what `dino index --to postgres://...` promises: 20 kills during a run of 2000 pictures leave exactly the right
# rows, none twice and none half. It runs on the PostgreSQL that npm installs, or on the one that
# DINO_TEST_POSTGRES=postgres://USER:PASSWORD@HOST/DATABASE names. Needs the .NET SDK, and Node.js 20 or newer.
# Takes a few minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ -z "${DINO_TEST_POSTGRES:-}" ]; then
    npm ci --prefix tests/servers --ignore-scripts --no-audit --no-fund
fi
DINO_TEST_LONG=1 dotnet test --project tests/Dino.Gpu.Tests -c Release --filter-class Dino.Gpu.Tests.Stores.KilledStoreRunTests "$@"
