# The cargo features of a node of many, as every command that tests one is built with them: so nothing is compiled twice.
# To be sourced.
# shellcheck shell=sh disable=SC2034 # used by whoever sources it
distributed=portico-node/distributed,portico-tests/distributed,portico-bench/distributed
