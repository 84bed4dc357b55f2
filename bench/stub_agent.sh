#!/bin/sh
# Stands in for claude in benchmarks: writes down when it starts and ends, and speaks as much stream-json as is needed.
case "$*" in
*--version*) echo '2.1.332 (Claude Code)'; exit 0 ;;
'auth status') echo '{"loggedIn":true}'; exit 0 ;;
esac
stamp() { perl -MTime::HiRes=time -e 'printf "%s %s %.6f\n", $ARGV[0], $ARGV[1], time' "$1" "${MIYABI_TASK:-$2}" >>"$STAMPS"; }
stamp start "${1:-job}"
cat >/dev/null
sleep "${WORK_SECONDS:-0.2}"
i=0; while [ "$i" -lt "${OUTPUT_LINES:-0}" ]; do
  printf '{"type":"assistant","message":{"id":"m%s","content":[{"type":"text","text":"line %s of many"}]}}\n' "$i" "$i"; i=$((i + 1))
done
printf '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1,"total_cost_usd":0}\n'
stamp end "${1:-job}"
