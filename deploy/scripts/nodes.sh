#!/bin/sh
# Restarts and kills nodes of many, of the release build, slows and cuts the ways between them, under load, and holds them to what
# is promised. Arguments go to the driver: `./just nodes --help` lists them. The whole run takes half an hour, and what came of it
# goes to docs/reliability.md with `--write docs/reliability.md`.
set -eu
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/distributed.sh
. deploy/scripts/lib/driver.sh

deploy/scripts/servers.sh fetch
build_driver "$distributed"
drive nodes "$@"
