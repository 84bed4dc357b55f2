# What `miyabi check` asks of a machine, in one command. Prints KEY=VALUE lines, one key on several lines where what a
# program says is passed on as it is; what cannot be found out is left out. Leaves nothing behind.
#   sh -s -- WORKSPACE TOKEN_FILE [xcode]
# Needs POSIX sh; with perl nothing may take longer than five seconds.
# What the login shell prints by itself comes before these lines, on both outputs.
printf '\nmiyabi-doctor-1\n'; printf '\nmiyabi-doctor-1\n' >&2
say() { printf '%s=%s\n' "$1" "$2"; }
few() {    # within five seconds; what sh says of one that was ended is no answer, hence the subshell
  (if [ "$perl" ]; then exec perl -e 'alarm 5; exec { $ARGV[0] } @ARGV' -- "$@"; else exec "$@"; fi) </dev/null 2>&1
}
pass_on() { key=$1; shift; few "$@" | LC_ALL=C sed "s/^/$key=/"; }
LC_ALL=C; export LC_ALL
perl=$(perl -e 'print $]' 2>/dev/null </dev/null)
say system "$(uname -s)"; say uid "$(id -u)"; say user "$(id -un)"; say perl "$perl"
pass_on git git --version

# The login shell: how old it is, and what it left us. One that was not replaced by us is our parent.
say shell_age "$(ps -o etime= -p $$ 2>/dev/null | tr -d ' ')"
case $(ps -o comm= -p "$PPID" 2>/dev/null) in
  *sh) say shell_age "$(ps -o etime= -p "$PPID" 2>/dev/null | tr -d ' ')" ;;
esac
say umask "$(umask)"; say open_files "$(ulimit -n)"
say processes "$(ulimit -u 2>/dev/null || ulimit -p 2>/dev/null)"
[ -z "${ANTHROPIC_API_KEY:-}" ] || say api_key set
say now "$(perl -MTime::HiRes=time -e 'printf "%.2f", time' 2>/dev/null </dev/null || date +%s)"

# The sshd that brought us here: its settings, for this user and address; what its title shows to everybody.
sshd() {
  [ -n "${SSH_CONNECTION:-}" ] || return 0
  program=/usr/sbin/sshd file='' pid=$$
  while [ "${pid:-0}" -gt 1 ]; do
    title=$(ps -ww -o args= -p "$pid" 2>/dev/null)
    case $title in *sshd*'[listener]'*)
      say sshd_listener "$title"
      set -f; set -- $title; set +f
      while [ $# -gt 1 ]; do
        case $1 in */sshd) program=$1 ;; -f) file=$2 ;; esac
        shift
      done
      break ;;
    esac
    pid=$(ps -o ppid= -p "$pid" 2>/dev/null | tr -d ' ')
  done
  pass_on ssh_version ssh -V
  key=''
  if [ "$(id -u)" != 0 ]; then    # host keys are root's: any other one will do to print settings
    key=$(mktemp -d) && ssh-keygen -q -t ed25519 -N '' -f "$key/k" </dev/null >/dev/null 2>&1 || return 0
  fi
  set -f; set -- $SSH_CONNECTION; set +f
  pass_on sshd "$program" -T ${file:+-f "$file"} ${key:+-h "$key/k"} -C "user=$(id -un),host=$1,addr=$1,laddr=$3,lport=$4" |
    grep -i -E '^sshd=(max|persourcepenalt)'
  [ -z "$key" ] || rm -rf "$key"
}
(sshd)
WORKSPACE=$1 TOKEN=$2 XCODE=${3:-}

# miyabi: the environment of sessions

# Folders: those that sessions write to, tried by writing.
writes() { f=$1/.miyabi-probe.$$; (: >"$f") 2>/dev/null && rm -f "$f" && echo yes; }
say home "$HOME"; say home_writable "$(writes "$HOME")"
say tmp "${CLAUDE_CODE_TMPDIR:-${TMPDIR:-/tmp}}"
f=${CLAUDE_CODE_TMPDIR:-}    # claude makes it, and the folders above
while [ "$f" ] && [ ! -e "$f" ]; do f=${f%/*}; done
say tmp_writable "$(writes "${f:-${TMPDIR:-/tmp}}")"
mkdir -p "$WORKSPACE" 2>/dev/null
say workspace_path "$WORKSPACE"; say workspace_writable "$(writes "$WORKSPACE")"
if [ "$(writes "$WORKSPACE")" ]; then
  f=$WORKSPACE/.miyabi-Probe.$$
  printf '#!/bin/sh\nexit 0\n' >"$f"; chmod 700 "$f"
  "$f" 2>/dev/null && say executes yes || say executes no
  [ -e "$WORKSPACE/.miyabi-pROBE.$$" ] && say case_matters no || say case_matters yes
  rm -f "$f"
  say workspace_mode "$(ls -ldL "$WORKSPACE" | cut -c1-10)"
  pass_on disk df -Pk "$WORKSPACE"
  if [ "$(uname -s)" = Darwin ]; then pass_on inodes df -i "$WORKSPACE"; else pass_on inodes df -Pi "$WORKSPACE"; fi
fi

# Sessions that hold a slot, with the process that looks after them, and whether it lives.
boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)
for f in "$WORKSPACE"/slots/*; do
  [ -f "$f" ] || continue
  read -r pid _ at group _ <"$f" || continue
  case ${group:-0} in 0 | *[!0-9]*) group=$pid ;; esac
  case $pid$group in *[!0-9]*) continue ;; esac
  [ -z "$boot" ] || [ "$at" = "$boot" ] || continue
  if kill -0 "$pid" 2>/dev/null || kill -0 -- "-$group" 2>/dev/null; then say session "${f##*/}"; fi
done

# The login of claude: its expiry, never a secret.
if [ "$TOKEN" ]; then
  say token_age "$(perl -e 'my @s = stat shift; print int(time - $s[9]) if @s' "$TOKEN" 2>/dev/null </dev/null)"
elif [ -z "${CLAUDE_CODE_OAUTH_TOKEN:-}${ANTHROPIC_API_KEY:-}" ]; then
  perl -0777 -ne '
    my ($own) = /"claudeAiOauth"\s*:\s*\{(.*)/s or exit;
    print "login_refreshes=yes\n" if $own =~ /"refreshToken"\s*:\s*"[^"]/;
    print "login_$1=$2\n" while $own =~ /"(expiresAt|refreshTokenExpiresAt)"\s*:\s*(\d+)/g;
  ' "${CLAUDE_CONFIG_DIR:-$HOME/.claude}/.credentials.json" 2>/dev/null </dev/null
fi

# Memory, and what may end sessions when nobody is logged in (Linux).
pass_on memory cat /proc/meminfo | grep -E '^memory=Mem(Total|Available):'
[ ! -r /sys/fs/cgroup/memory.max ] || pass_on memory_max cat /sys/fs/cgroup/memory.max
if [ -d /run/systemd/system ] && [ -n "${XDG_SESSION_ID:-}" ]; then
  name=org.freedesktop.login1
  for what in KillUserProcesses KillOnlyUsers KillExcludeUsers; do
    pass_on "logind_$what" busctl get-property $name /org/freedesktop/login1 $name.Manager $what
  done
  pass_on linger loginctl show-user "$(id -un)" --property=Linger
fi

# macOS: power, what waits for a password after a loss of it, Xcode.
if [ "$(uname -s)" = Darwin ]; then
  say macos "$(sw_vers -productVersion)"
  say memory "hw.memsize: $(sysctl -n hw.memsize)"
  pass_on pmset pmset -g
  pass_on filevault fdesetup status
  pass_on auto_login defaults read /Library/Preferences/com.apple.loginwindow autoLoginUser
fi
if [ "$XCODE" ]; then
  say xcodebuild "$(command -v xcodebuild)"
  pass_on xcode xcodebuild -version
  pass_on xcode_license xcodebuild -license check
fi
say end yes
