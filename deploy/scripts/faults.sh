#!/bin/sh
# Cuts the release node off from each server that it depends on, in every way, under load, and holds it to what is promised.
# Arguments go to the driver: `./just faults --help` lists them. The whole run takes half an hour, and what came of it goes to
# docs/reliability.md with `--write docs/reliability.md`.
set -eu
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/distributed.sh
. deploy/scripts/lib/driver.sh

deploy/scripts/servers.sh fetch
build_driver "$distributed"
drive faults "$@"
