#!/usr/bin/env bash
# ssh-keygen -Q cannot look into a revocation list that ssh itself obeys.
#
# ssh_config's RevokedHostKeys takes a KRL or a plain file of public keys. One expects `ssh-keygen -Q -f FILE KEY`, which
# tells whether a key is revoked (exit status 1: it is), to read both. It reads KRLs only: for a plain file it ends with 255.
#
# Seen with OpenSSH 9.2p1 (Debian 12).   Needs: openssh-client; no network.
set -euo pipefail
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
ssh -V
ssh-keygen -q -t ed25519 -N '' -C host -f "$t/host"
cp "$t/host.pub" "$t/plain"
ssh-keygen -q -k -f "$t/krl" "$t/host.pub"

said=$(ssh-keygen -Q -f "$t/krl" "$t/host.pub" 2>&1) && status=0 || status=$?
echo "KRL:   exit $status: ${said//$t/DIR}"
[ "$status" -eq 1 ] && [[ $said == *REVOKED* ]]

said=$(ssh-keygen -Q -f "$t/plain" "$t/host.pub" 2>&1) && status=0 || status=$?
echo "plain: exit $status: ${said//$t/DIR}"
[ "$status" -eq 255 ] && [[ $said == *"invalid magic number"* ]]
# Output seen:
#   KRL:   exit 1: DIR/host.pub (host): REVOKED
#   plain: exit 255: Invalid KRL file DIR/plain: KRL file has invalid magic number
