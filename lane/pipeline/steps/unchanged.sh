#!/bin/sh
# The checks have written nothing: go.mod, go.sum and every other file are as
# committed.
set -eu
changed=$(git status --porcelain)
[ -z "$changed" ] && { echo "check: nothing was written"; exit 0; }
echo "check: files are not as committed (rule B5):" >&2
echo "$changed" >&2
echo "hint: commit what the Go tools and the tests write" >&2
exit 4
