#!/bin/sh
# Installs DuckDB with what reads a DuckLake into target/lake-venv. Does nothing the second time, until a pinned version
# changes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv="$root/target/lake-venv"

if ! cmp -s "$venv/.requirements" "$here/requirements.txt"; then
    echo "installing DuckDB into target/lake-venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/.requirements"
fi
