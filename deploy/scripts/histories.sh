#!/bin/sh
# Has many clients race each other on the release node, and checks that some order explains what they were answered.
# Arguments go to the driver: `./just histories --help` lists them. With --nodes, many nodes serve them over real servers.
set -eu
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/distributed.sh
. deploy/scripts/lib/driver.sh
features=
case " $* " in
    *" --nodes"*)
        features=$distributed
        deploy/scripts/servers.sh fetch postgres redis
        ;;
esac

build_driver "$features"
drive histories "$@"
