#!/bin/sh
# A Python of our own with PagerDuty's SDK and a parser of calendars. Does nothing if it is there.
set -eu
cd "$(dirname "$0")/../.."
venv=target/oncall-venv
stamp="$venv/installed"
if [ ! -f "$stamp" ] || [ tests/oncall/requirements.txt -nt "$stamp" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/oncall/requirements.txt
  touch "$stamp"
fi
