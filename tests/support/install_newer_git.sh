#!/bin/sh
# A git of at least 2.54, whole below one folder, beside the one of the machine: from the packages of Debian's unstable,
# unpacked, not installed, each program started by the loader and the libraries that came with it.
#
#     tests/support/install_newer_git.sh FOLDER        then FOLDER/bin/git: 80 MB, 20 seconds
set -eu
folder=$1
new_enough() { # git
    "$1" version 2>/dev/null | awk '{ split($3, n, "."); new = n[1] > 2 || n[1] == 2 && n[2] >= 54 } END { exit !new }'
}
fail() {
    echo "make test needs a second git, of 2.54 or newer, in $folder/bin/git: $1" >&2
    exit 1
}
! new_enough "$folder/bin/git" || exit 0
rm -rf "$folder"
mkdir -p "$folder/bin"
folder=$(cd "$folder" && pwd)
if new_enough git; then
    ln -s "$(command -v git)" "$folder/bin/git"
    exit 0
fi
command -v apt-get >/dev/null 2>&1 || fail "put one there, or a link to it."

# --- the packages, with nothing of the machine's own apt changed
apt=$folder/apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/none"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' |
    awk '$2 == "main" && $1 !~ /security/ { print $1; exit }')
[ -n "$mirror" ] && [ -f "$keys" ] || fail "this system's apt names no mirror of Debian: put one there, or a link to it."
echo "deb [signed-by=$keys] $mirror unstable main" >"$apt/sources.list"
: >"$apt/status"
from_unstable() { # words of apt-get
    apt-get -qq -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts="$apt/none" \
        -o Dir::Etc::Preferences="$apt/no" -o Dir::Etc::PreferencesParts="$apt/none" -o Dir::State::Lists="$apt/lists" \
        -o Dir::State::Status="$apt/status" -o Dir::Cache="$apt" -o Dir::Cache::Archives="$apt/archives" \
        -o APT::Default-Release= -o APT::Install-Recommends=false -o APT::Sandbox::User="$(id -un)" \
        -o APT::Keep-Downloaded-Packages=true "$@"
}
from_unstable update || fail "Debian's unstable cannot be reached now; try again, or put one there."
from_unstable install --download-only --yes git >/dev/null || fail "its packages cannot be had now; try again."
for package in "$apt"/archives/*.deb; do
    dpkg-deb --extract "$package" "$folder/root"
done
rm -rf "$apt" "$folder/root/usr/share" "$folder/root/usr/lib"/*/perl*

# --- what starts them
root=$folder/root
loader=$(echo "$root"/usr/lib64/ld-linux*.so.*)
[ -x "$loader" ] || loader=$(echo "$root"/usr/lib/ld-linux*.so.*)
libraries=$(dirname "$(find "$root" -name 'libc.so.6')")
core=$folder/core
mkdir "$core"
start() { # name program
    printf '#!/bin/sh\nGIT_EXEC_PATH="%s" exec "%s" --library-path "%s" --argv0 "$0" "%s" "$@"\n' \
        "$core" "$loader" "$libraries" "$2" >"$core/$1"
    chmod +x "$core/$1"
}
for program in "$root"/usr/lib/git-core/git*; do
    name=${program##*/}
    if [ "$(head -c 4 "$program" | tail -c 3)" != ELF ]; then
        ln -s "$program" "$core/$name" # a script, or a library of scripts
    elif [ "$name" != git ] && cmp -s "$program" "$root/usr/bin/git"; then
        ln -s git "$core/$name"
    else
        start "$name" "$program"
    fi
done
for name in git git-upload-pack git-receive-pack; do
    ln -s "../core/$name" "$folder/bin/$name"
done
new_enough "$folder/bin/git" || fail "the one of Debian's unstable is older, or does not start here."
