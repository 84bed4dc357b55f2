#!/bin/sh
# The programs that the tests run, from Debian's packages where we may install them; else says what is missing.
set -eu
missing=
need() { # command package
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"
}
need git git
need git-lfs git-lfs
need perl perl
need ssh openssh-client
need sshd openssh-server
need ip iproute2
need chromium chromium
need parallel parallel
need tmux tmux
need zsh zsh
need mksh mksh
need posh posh
need busybox busybox
need setpriv util-linux
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "make test needs programs that are not here. Install these packages (Debian's names), then try again:$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of names
apt-get install -y -qq $missing >/dev/null
case $missing in
    # Debian's package puts its filters into the configuration of the whole system, where tests must find none
    *git-lfs*) git lfs uninstall --system --skip-repo >/dev/null ;;
esac
