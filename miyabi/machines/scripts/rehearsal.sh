#!/bin/sh
# The rehearsal agent: stands in for claude where a fleet is tried out. It reads the prompt on stdin, speaks the same
# stream-json, works for MIYABI_REHEARSAL_SECONDS, and writes and commits one file named after its task.
# Needs only POSIX sh, awk, sed, tr and git; everything it makes is marked as rehearsal.
#   MIYABI_REHEARSAL_FAIL=a,b    these tasks end with an error result
#   MIYABI_REHEARSAL_IDLE=a,b    these tasks end well and commit nothing
#   MIYABI_REHEARSAL_LIMIT=a,b   these tasks meet a usage limit in their first attempt; it lasts MIYABI_REHEARSAL_LIMIT_SECONDS
# Exit: 0 as a success, 1 after an error result, 70 where git does not commit (no result then).
set -u
task=${MIYABI_TASK:-task} run=${MIYABI_RUN:-rehearsal} id=${MIYABI_SESSION_ID:-00000000-0000-0000-0000-000000000000}
seconds=${MIYABI_REHEARSAL_SECONDS:-1} file=rehearsal/$task.md turn=0

# Any bytes as the inside of a JSON string, most of which is one already; LC_ALL=C, since macOS tools refuse what is not UTF-8.
json() { case $1 in *[!]abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789' ,.:;/=+_@%['-]*) json_of_any "$1";; *) printf '%s' "$1";; esac; }
json_of_any() { printf '%s' "$1" | LC_ALL=C tr -d '\000-\010\013-\037\177' | LC_ALL=C tr '\011' ' ' |
  LC_ALL=C sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' | LC_ALL=C awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }'; }
listed() { case ",$1," in *",$task,"*) return 0 ;; esac; return 1; }
nap() { sleep "$pause" 2>/dev/null || sleep 1; }    # a sleep that knows no fractions: one second
message() { turn=$((turn + 1))
  printf '{"type":"assistant","message":{"id":"rehearsal_%s_%s","type":"message","role":"assistant","model":"rehearsal","content":[%s],' "$$" "$turn" "$1"
  printf '"stop_reason":null,"usage":{"input_tokens":0,"output_tokens":0}},"parent_tool_use_id":null,"session_id":"%s"}\n' "$id"; }
say() { message '{"type":"text","text":"'"$(json "$1")"'"}'; }
use() { message '{"type":"tool_use","id":"use_'"$turn"'","name":"'"$1"'","input":{"'"$2"'":"'"$(json "$3")"'"}}'; nap
  printf '{"type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"use_%s","content":"%s","is_error":false}]},' "$((turn - 1))" "$(json "${4:-done}")"
  printf '"parent_tool_use_id":null,"session_id":"%s"}\n' "$id"; }
result() { # SUBTYPE IS_ERROR MORE
  printf '{"duration_ms":%s,"session_id":"%s","total_cost_usd":0,"usage":{"input_tokens":0,"output_tokens":0},' "$(awk -v s="$seconds" 'BEGIN { printf "%d", s * 1000 }')" "$id"
  printf '"permission_denials":[],"num_turns":%s,"is_error":%s,"subtype":"%s",%s,"type":"result","result_index":0}\n' "$turn" "$2" "$1" "$3"; }

prompt=$(LC_ALL=C tr -d '\000')
title=$(printf '%s\n' "$prompt" | LC_ALL=C awk 'NF { print; exit }')
pause=$(awk -v s="$seconds" 'BEGIN { printf "%.3f", s / 4 }')
command=$(printf '%s\n' "$title" | LC_ALL=C sed -n 's|^[[:blank:]]*/\([A-Za-z0-9_][A-Za-z0-9_:.-]*\).*|"\1"|p')

printf '{"type":"system","subtype":"init","cwd":"%s","session_id":"%s","tools":["Bash","Read","Write"],"mcp_servers":[],' "$(json "$(pwd)")" "$id"
printf '"model":"rehearsal","permissionMode":"rehearsal","slash_commands":[%s],"apiKeySource":"none","claude_code_version":"rehearsal"}\n' "$command"
say "Rehearsal of $task: $title"; nap

if listed "${MIYABI_REHEARSAL_LIMIT:-}" && [ "${MIYABI_ATTEMPT:-1}" = 1 ]; then
  until=$(($(date +%s) + ${MIYABI_REHEARSAL_LIMIT_SECONDS:-10}))
  printf '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":%s,"rateLimitType":"five_hour"}}\n' "$until"
  result success true '"terminal_reason":"api_error","api_error_status":429,"api_error":"usage_limit_reached","result":"[rehearsal] usage limit"'
  exit 1
fi

upstream=''
for seen in rehearsal/*.md; do [ -f "$seen" ] && [ "$seen" != "$file" ] && upstream="$upstream${upstream:+, }${seen##*/}"; done
use Bash command 'ls rehearsal' "${upstream:-nothing}"

if listed "${MIYABI_REHEARSAL_FAIL:-}"; then
  result error_during_execution true '"errors":["[rehearsal] this task is listed in MIYABI_REHEARSAL_FAIL"]'
  exit 1
fi
if listed "${MIYABI_REHEARSAL_IDLE:-}"; then
  result success false '"terminal_reason":"completed","result":"[rehearsal] nothing done, as asked by MIYABI_REHEARSAL_IDLE"'
  exit 0
fi

mkdir -p rehearsal || exit 70
printf '# Rehearsal of %s\n\n- run: %s\n- attempt: %s\n- asked: %s\n- saw from earlier tasks: %s\n' \
  "$task" "$run" "${MIYABI_ATTEMPT:-1}" "$title" "${upstream:-nothing}" >"$file" || exit 70
use Write file_path "$(pwd)/$file"
git add -f -- "$file" >&2 && git -c commit.gpgsign=false commit -q --allow-empty --no-verify -m "[rehearsal] $task

Made by the rehearsal of run $run; no model worked on it." -- "$file" >&2 || exit 70
use Bash command "git commit -m '[rehearsal] $task'" "$(git log -1 --format='%h %s')"
say "[rehearsal] Committed $file. Earlier tasks left here: ${upstream:-nothing}."
result success false '"terminal_reason":"completed","result":"'"$(json "[rehearsal] Committed $file. Earlier tasks left here: ${upstream:-nothing}.")"'"'
