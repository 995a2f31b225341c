#!/bin/sh
# Kills the release node, cuts its power, and crashes the actors of a test build, under mixed load; nothing acknowledged may be lost.
# Arguments go to the driver: `./just crash --help` lists them. With --stores, the node keeps everything at real servers.
set -eu
cd "$(dirname "$0")/../.."
. deploy/scripts/lib/need.sh
. deploy/scripts/lib/distributed.sh
. deploy/scripts/lib/driver.sh
need_package strace strace
features=
case " $* " in
    *" --stores"*)
        features=$distributed
        deploy/scripts/servers.sh fetch
        ;;
esac

build_driver "$features"

# Injected panics are for test builds alone: a release must not even know the name by which they are asked for.
if [ -e "$target/release/portico" ] && grep --quiet --text PORTICO_CHAOS "$target/release/portico"; then
    missing "target/release/portico can be crashed by PORTICO_CHAOS: that hook must stay out of a release"
fi

drive crash "$@"
