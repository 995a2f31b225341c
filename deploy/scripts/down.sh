#!/bin/sh
# Ends what `./just up cluster` started.
exec "$(dirname "$0")/cluster.sh" down
