#!/bin/sh
# PagerDuty's SDK and a parser of calendars.
exec "$(dirname "$0")/../../scripts/clients" oncall
