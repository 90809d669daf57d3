#!/bin/sh
# PagerDuty's SDK, a parser of calendars, Slack's SDK.
exec "$(dirname "$0")/../../scripts/clients" oncall
