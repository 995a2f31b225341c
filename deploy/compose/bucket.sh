#!/bin/sh
# Makes the bucket that photos are kept in. What a killed node leaves of an upload MinIO gives up after a day.
set -eu
mc alias set s3 http://s3:9000 portico "$(cat /run/secrets/s3.key)" >/dev/null
mc mb --ignore-existing s3/portico
