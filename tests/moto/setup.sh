#!/bin/sh
# Installs moto (AWS's wire protocols, mocked) and boto3 (which reads back what was done) into target/moto-venv. Does
# nothing the second time, until a pinned version changes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv="$root/target/moto-venv"

# up_to_date STAMP FILE: whether STAMP was made from FILE as it is now.
up_to_date() { [ -f "$1" ] && cmp -s "$1" "$2"; }

if ! up_to_date "$venv/.requirements" "$here/requirements.txt"; then
    echo "installing moto and boto3 into target/moto-venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/.requirements"
fi
