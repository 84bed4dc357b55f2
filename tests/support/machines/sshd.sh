#!/bin/bash
# sshd.sh - a throw-away fleet of real OpenSSH sshd "machines" for tests and benchmarks.
#   sshd.sh up [N]              FLEET_MODE=loopback (default: anyone, macOS too) | netns (root on Linux)
#   sshd.sh down | status
#   sshd.sh link hK down|up     silent network loss (netns: veth down; loopback: SIGSTOP/SIGCONT of hK's sshd tree)
#   sshd.sh sshd hK stop|start|restart|killconns
#   sshd.sh reboot hK [off]     power-cycle: every process of hK dies at once, new boot id (netns)
#   sshd.sh boot hK             power on again (netns)
#   sshd.sh inhost hK CMD...    run CMD as root inside hK (netns)
#   sshd.sh tmpfs hK PATH SIZE  mount a small tmpfs at hK's $HOME/PATH (netns)
# Files live in $FLEET_DIR. Nothing is put in the root network namespace, /etc/netns, ~/.ssh or /etc/ssh.
# Addresses: netns 10.77.0.(10+k):22; loopback 127.0.0.1 and the k-th word of $FLEET_PORTS.
set -u
FLEET_DIR=${FLEET_DIR:?where the fleet lives}
FLEET_MODE=${FLEET_MODE:-loopback}
FLEET_TAG=${FLEET_TAG:-mf$$}                # namespace name prefix
FLEET_PORTS=${FLEET_PORTS:-}                # loopback: one free port a host
FLEET_SHELLS=${FLEET_SHELLS:-/bin/bash}     # netns: login shells, cycled over hosts
FLEET_SSHD_OPTS=${FLEET_SSHD_OPTS:-}        # extra sshd_config lines, ';' separated; the first value of an option wins
FLEET_UID=${FLEET_UID:-2001}
PATH=$PATH:/usr/sbin:/sbin
SSHD=${SSHD:-$(command -v sshd)}
SELF=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
die() { echo "fleet: $*" >&2; exit 1; }

load() { [ -f "$FLEET_DIR/state" ] || die "no fleet in $FLEET_DIR"; . "$FLEET_DIR/state"; }
addr() { if [ "$MODE" = netns ]; then echo "10.77.0.$((10+$1))"; else echo 127.0.0.1; fi; }
port() { if [ "$MODE" = netns ]; then echo 22; else echo "$FLEET_PORTS" | cut -d' ' -f"$1"; fi; }
num() { case $1 in h[0-9]*) echo "${1#h}";; *) die "host name like h1 expected, got '$1'";; esac; }
tree() { # PID... : these and all their descendants
  ps -A -o pid= -o ppid= | awk -v roots="$*" '
    { parent[$1]=$2 } END { n=split(roots,r," "); for(i=1;i<=n;i++){in_[r[i]]=1; print r[i]}
      do { more=0; for(p in parent) if(!(p in in_) && (parent[p] in in_)) {in_[p]=1; print p; more=1} } while(more) }'; }
listener() { cat "$FLEET_DIR/h$1/run/sshd.pid" 2>/dev/null; }

mkhost() { # k
  local k=$1 h=h$1 d=$FLEET_DIR/h$1 sh; local -a shells; shells=($FLEET_SHELLS)
  sh=${shells[$(( (k-1) % ${#shells[@]} ))]}
  mkdir -p "$d/home/.ssh" "$d/run"; chmod 755 "$d" "$d/home"; chmod 700 "$d/home/.ssh"
  ssh-keygen -q -t ed25519 -N '' -C "host-$h" -f "$d/hostkey" </dev/null
  ssh-keygen -q -t ed25519 -N '' -C "id-$h" -f "$FLEET_DIR/client/id_$h" </dev/null
  cat "$FLEET_DIR/client/id_$h.pub" > "$d/home/.ssh/authorized_keys"; chmod 600 "$d/home/.ssh/authorized_keys"
  { printf '%s' "$FLEET_SSHD_OPTS" | tr ';' '\n'; echo
    cat <<C
Port $(port "$k")
ListenAddress $(addr "$k")
HostKey $d/hostkey
PidFile $d/run/sshd.pid
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
PrintMotd no
LogLevel VERBOSE
Subsystem sftp internal-sftp
C
    if [ "$MODE" = netns ]; then echo "AuthorizedKeysFile .ssh/authorized_keys"
    else echo "AuthorizedKeysFile $d/home/.ssh/authorized_keys"; echo "SetEnv HOME=$d/home FLEET_HOST=$h"; fi
  } > "$d/sshd_config"
  # 9.8 and later lock an address out after a few refused logins, which the fault tests do all the time
  if "$SSHD" -t -f "$d/sshd_config" -o PerSourcePenalties=no 2>/dev/null; then echo "PerSourcePenalties no" >> "$d/sshd_config"; fi
  if [ "$MODE" = netns ]; then
    { grep -v '^runner:' /etc/passwd; echo "runner:x:$FLEET_UID:$FLEET_UID:fleet:$d/home:$sh"; } > "$d/passwd"
    { grep -v '^runner:' /etc/group;  echo "runner:x:$FLEET_UID:"; } > "$d/group"
    { grep -v '^runner:' /etc/shadow; echo "runner:*:19000:0:99999:7:::"; } > "$d/shadow"; chmod 600 "$d/shadow"
    chown -R "$FLEET_UID:$FLEET_UID" "$d/home"
  fi
  local where; where=$(addr "$k"); [ "$(port "$k")" = 22 ] || where="[$where]:$(port "$k")"
  echo "$where $(cut -d' ' -f1,2 "$d/hostkey.pub")" >> "$FLEET_DIR/client/known_hosts"
  cat >> "$FLEET_DIR/client/config" <<C
Host $h
  HostName $(addr "$k")
  Port $(port "$k")
  User $USERN
  IdentityFile $FLEET_DIR/client/id_$h
C
}

run_sshd() { # k : loopback. A root sshd wants /run/sshd: give it one of its own where none is there
  local d=$FLEET_DIR/h$1; local -a cmd; cmd=("$SSHD" -f "$d/sshd_config" -E "$d/sshd.log")
  if [ "$(id -u)" = 0 ] && [ -d /run ] && [ ! -d /run/sshd ]; then
    unshare --mount --propagation private true 2>/dev/null || { mkdir -p /run/sshd; "${cmd[@]}"; return; }
    unshare --mount --propagation private sh -c 'mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/sshd && exec "$@"' sh "${cmd[@]}"
  else "${cmd[@]}"; fi
}
boot() { # k : start (or restart) the machine
  local k=$1 d=$FLEET_DIR/h$1
  if [ "$MODE" = netns ]; then
    cat /proc/sys/kernel/random/uuid > "$d/boot_id"
    # setsid: a Ctrl-C or group kill of the test runner must not hit the fleet
    setsid ip netns exec "$FLEET_TAG-h$k" unshare --mount --uts --pid --fork --kill-child --mount-proc --propagation private \
      /bin/bash "$SELF" __init "$k" "$FLEET_DIR" "$SSHD" </dev/null >>"$d/init.log" 2>&1 &
    echo $! > "$d/run/unshare.pid"
  else run_sshd "$k" || die "sshd h$k failed: $(tail -1 "$d/sshd.log")"; fi
}
init() { # PID 1 of the machine (netns): private /run, own passwd, hostname, boot id; runs sshd, reaps orphans
  local k=$1 d=$2/h$1 sshd=$3
  hostname "h$k"; mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p /run/sshd
  # a private copy of /etc: a useradd outside renames over single files, which drops bind mounts on them
  mkdir -p /run/etc-up /run/etc-work
  mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc-up,workdir=/run/etc-work /etc 2>/dev/null ||
    { cp -a /etc /run/etc && mount --bind /run/etc /etc; }
  for f in passwd group shadow; do cp -p "$d/$f" "/etc/$f"; done; chown root:root /etc/passwd /etc/group /etc/shadow
  mount --bind "$d/boot_id" /proc/sys/kernel/random/boot_id
  "$sshd" -f "$d/sshd_config" -E "$d/sshd.log"
  while :; do sleep 100000 & wait $!; kill $! 2>/dev/null; done
}
initpid() { ps -o pid= --ppid "$(cat "$FLEET_DIR/h$1/run/unshare.pid")" 2>/dev/null | tr -d ' '; }
inhost() { local p; p=$(initpid "$1"); [ -n "$p" ] || die "h$1 is down"; shift; nsenter -t "$p" -a "$@"; }
in_net() { if [ "$MODE" = netns ]; then ip netns exec "$FLEET_TAG-ctl" timeout 1 "$@"; else "$@"; fi; }
ready() { # k : wait for the SSH banner
  local i; for i in $(seq 1 250); do
    if in_net bash -c "exec 3<>/dev/tcp/$(addr "$1")/$(port "$1") && read -t 1 b <&3 && [[ \$b == SSH-2.0* ]]" 2>/dev/null; then return 0; fi
    sleep 0.02; done; die "h$1 not ready: $(tail -2 "$FLEET_DIR/h$1/sshd.log" 2>/dev/null)"
}
stop() { local p i; p=$(listener "$1"); [ -n "$p" ] || return 0
  connections "$1" > "$FLEET_DIR/h$1/run/left"        # their parent goes: nothing else would find them later
  if [ "$MODE" = netns ]; then inhost "$1" kill "$p"; else kill "$p"; fi
  for i in $(seq 100); do [ -f "$FLEET_DIR/h$1/run/sshd.pid" ] || return 0; sleep 0.02; done; }
start() { if [ "$MODE" = netns ]; then inhost "$1" "$SSHD" -f "$FLEET_DIR/h$1/sshd_config" -E "$FLEET_DIR/h$1/sshd.log"; else run_sshd "$1"; fi; ready "$1"; }
connections() { # k : pids of the sshd processes that serve a connection, not of what they run
  local p; if [ "$MODE" = netns ]; then inhost "$1" ps -A -o pid=,args= | awk '/sshd.*(\[priv\]|@)/{print $1}'
  else { p=$(listener "$1"); [ -n "$p" ] && tree "$p" | grep -vx "$p"; cat "$FLEET_DIR/h$1/run/left" 2>/dev/null; } |
    while read -r p; do case $(ps -o comm= -p "$p") in *sshd*) echo "$p";; esac; done; fi; }
killconns() { local pids; pids=$(connections "$1"); [ -n "$pids" ] || return 0
  if [ "$MODE" = netns ]; then inhost "$1" kill -KILL $pids; else kill -KILL $pids 2>/dev/null; fi; }
strays() { # processes of this fleet that left their sshd: detached sessions
  { grep -laz "^HOME=$FLEET_DIR/" /proc/[0-9]*/environ; find /proc/[0-9]*/cwd -maxdepth 0 -lname "$FLEET_DIR/*"; } 2>/dev/null |
    cut -d/ -f3 | sort -u; }

case ${1:-} in
__init) shift; init "$@";;
up)
  N=${2:-2}; [ -f "$FLEET_DIR/state" ] && die "already up in $FLEET_DIR (sshd.sh down first)"
  [ -x "$SSHD" ] || die "no sshd here (Debian: apt-get install openssh-server)"
  MODE=$FLEET_MODE; mkdir -p "$FLEET_DIR/client"; chmod 755 "$FLEET_DIR"
  USERN=$( [ "$MODE" = netns ] && echo runner || id -un )
  printf "MODE=%s N=%s USERN=%s FLEET_TAG=%s FLEET_PORTS='%s'\n" "$MODE" "$N" "$USERN" "$FLEET_TAG" "$FLEET_PORTS" > "$FLEET_DIR/state"
  : > "$FLEET_DIR/client/known_hosts"; : > "$FLEET_DIR/client/config"
  if [ "$MODE" = netns ]; then
    ip netns add "$FLEET_TAG-ctl" || die "ip netns add failed: netns mode needs root and CAP_NET_ADMIN"
    ip -n "$FLEET_TAG-ctl" link set lo up
    ip -n "$FLEET_TAG-ctl" link add br0 type bridge
    ip -n "$FLEET_TAG-ctl" addr add 10.77.0.1/24 dev br0; ip -n "$FLEET_TAG-ctl" link set br0 up
  fi
  for k in $(seq 1 "$N"); do
    mkhost "$k"
    if [ "$MODE" = netns ]; then
      ip netns add "$FLEET_TAG-h$k"
      ip link add "v$k" netns "$FLEET_TAG-ctl" type veth peer name eth0 netns "$FLEET_TAG-h$k"
      ip -n "$FLEET_TAG-ctl" link set "v$k" master br0 up; ip -n "$FLEET_TAG-h$k" link set lo up
      ip -n "$FLEET_TAG-h$k" addr add "$(addr "$k")/24" dev eth0; ip -n "$FLEET_TAG-h$k" link set eth0 up
    fi
    boot "$k"
  done
  cat >> "$FLEET_DIR/client/config" <<C
Host *
  UserKnownHostsFile $FLEET_DIR/client/known_hosts
  StrictHostKeyChecking yes
  IdentitiesOnly yes
  BatchMode yes
C
  for k in $(seq 1 "$N"); do ready "$k"; done;;
down)
  load
  for k in $(seq 1 "$N"); do
    if [ "$MODE" = netns ]; then p=$(initpid "$k"); [ -n "$p" ] && kill -KILL "$p"; ip netns del "$FLEET_TAG-h$k" 2>/dev/null
    else all=; for p in $(listener "$k") $(connections "$k"); do all="$all $(tree "$p")"; done
      [ -n "$all" ] && kill -KILL $all 2>/dev/null; fi
  done
  if [ "$MODE" = netns ]; then ip netns del "$FLEET_TAG-ctl"
  elif [ -d /proc/self ]; then p=$(strays); [ -n "$p" ] && kill -KILL $p 2>/dev/null; fi
  rm -rf "$FLEET_DIR" || { sleep 0.3; rm -rf "$FLEET_DIR"; };;
status) load; for k in $(seq 1 "$N"); do echo "h$k $(addr "$k"):$(port "$k") $( [ "$MODE" = netns ] && initpid "$k" || listener "$k")"; done;;
inhost) load; k=$(num "$2"); shift 2; inhost "$k" "$@";;
link) load; k=$(num "$2")
  if [ "$MODE" = netns ]; then ip -n "$FLEET_TAG-ctl" link set "v$k" "$3"
  else p=$(listener "$k"); kill -"$( [ "$3" = down ] && echo STOP || echo CONT)" $(tree $p $(connections "$k") | sort -u) 2>/dev/null; fi;;
sshd) load; k=$(num "$2")
  case $3 in stop) stop "$k";; start) start "$k";; restart) killconns "$k"; stop "$k"; start "$k";; killconns) killconns "$k";;
  *) die "unknown: sshd hK $3";; esac;;
reboot) load; [ "$MODE" = netns ] || die "reboot needs netns mode"; k=$(num "$2"); p=$(initpid "$k"); kill -KILL "$p"
  while kill -0 "$p" 2>/dev/null; do sleep 0.01; done; [ "${3:-}" = off ] || { boot "$k"; ready "$k"; };;
boot) load; k=$(num "$2"); boot "$k"; ready "$k";;
tmpfs) load; k=$(num "$2"); t=$FLEET_DIR/h$k/home/$3; mkdir -p "$t"; inhost "$k" mount -t tmpfs -o "size=$4,uid=$FLEET_UID,gid=$FLEET_UID,mode=755" tmpfs "$t";;
*) sed -n 2,13p "$SELF"; exit 2;;
esac
