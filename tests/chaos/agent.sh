#!/bin/sh
# Stands in for claude in the chaos runs: commits one file, leaves another one uncommitted, and notes what it has done,
# so that nothing of the program has to be believed. What it writes is named after its session, so each piece is told apart.
case "$*" in
*--version*) echo '2.1.332 (Claude Code)'; exit 0 ;;
'auth status') echo '{"loggedIn":true}'; exit 0 ;;
esac
cat >/dev/null
note() { printf '%s %s %s\n' "$1" "$MIYABI_SESSION" "$2" >>"$CHAOS_NOTES"; }
say() {
  i=0; while [ "$i" -lt 10 ]; do i=$((i + 1))
    printf '{"type":"assistant","message":{"id":"m%s%s","content":[{"type":"text","text":"line %s of many %0512d"}]}}\n' "$1" "$i" "$i" 0
  done
}
note began $$
say a
sleep "$CHAOS_SECONDS"
until { echo "$MIYABI_SESSION" >"done-$MIYABI_SESSION" && git add "done-$MIYABI_SESSION" &&
  git commit -qm "work of $MIYABI_SESSION"; } 2>/dev/null; do sleep 0.2; done # the disk may be full
note committed "$(git rev-parse HEAD)"
[ -z "$CHAOS_LEAVES" ] || perl -MPOSIX -e 'fork and exit; setsid; fork and exit; sleep 300' </dev/null >/dev/null 2>&1
say b
sleep "$CHAOS_SECONDS"
until { echo "$MIYABI_SESSION" >"left-$MIYABI_SESSION"; } 2>/dev/null; do sleep 0.2; done
note left "left-$MIYABI_SESSION"
sleep "$CHAOS_SECONDS"
printf '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1,"total_cost_usd":0.01}\n'
