#!/bin/sh
# moto (AWS's wire protocols, mocked) and boto3 (which reads back what was done).
exec "$(dirname "$0")/../../scripts/clients" moto
