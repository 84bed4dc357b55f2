#!/usr/bin/env bash
# A claude whose output finds no room does all its work, and ends with exit status 1.
#
# `claude -p --output-format stream-json >FILE` on a disk that fills up: one expects it to stop at the first write that
# fails, or to end as if nothing had been. It goes on to the end (its transcript has the whole answer), then says one line
# on stderr and ends with exit status 1; what had room of its output, which may hold a `result` that says success, stays.
# Whoever takes the exit status for the verdict throws finished work away; the line on stderr tells the two apart.
#
# Seen with Claude Code 2.1.332, as PyPI's claude-agent-sdk 0.2.189 carries it.   Needs: python3 >= 3.11, Linux's /dev/full.
set -euo pipefail
t=$(mktemp -d)
trap 'kill "$api" 2>/dev/null || :; rm -rf "$t"' EXIT
python3 -m venv "$t/venv"
"$t/venv/bin/pip" -q --disable-pip-version-check install --no-deps claude-agent-sdk==0.2.189 2>/dev/null
claude=$(echo "$t"/venv/lib/python*/site-packages/claude_agent_sdk/_bundled/claude)
chmod +x "$claude"

cat >"$t/api.py" <<'PY'
"""A Messages API on loopback that always says hello."""
import http.server, json
class Api(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [],
                 "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
        events = [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello to the end"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        ]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in events:
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
print(server.server_address[1], flush=True)
server.serve_forever()
PY
python3 "$t/api.py" >"$t/port" & api=$!
until [ -s "$t/port" ]; do sleep 0.1; done

mkdir "$t/home" "$t/work"
cd "$t/work"
status=0
env -i PATH=/usr/bin:/bin HOME="$t/home" CLAUDE_CODE_TMPDIR="$t/home" ANTHROPIC_API_KEY=dummy \
  ANTHROPIC_BASE_URL="http://127.0.0.1:$(cat "$t/port")" DISABLE_TELEMETRY=1 DISABLE_AUTOUPDATER=1 \
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 CLAUDE_CODE_MAX_RETRIES=0 \
  "$claude" -p hi --model claude-sonnet-4-5 --output-format stream-json --verbose </dev/null >/dev/full 2>"$t/said" || status=$?
answered=$(cat "$t"/home/.claude/projects/*/*.jsonl | grep -c 'hello to the end')
told=$(grep -o 'could not save all of the output.*(ENOSPC)' "$t/said")
echo "Claude Code $("$claude" --version): exit status $status, the answer in the transcript: $answered, on stderr: $told"
[ "$status $answered" = "1 1" ]
[ "$told" = "could not save all of the output sent to a file because the disk is full (ENOSPC)" ]
# Output seen:
#   Claude Code 2.1.332 (Claude Code): exit status 1, the answer in the transcript: 1, on stderr: could not save all of
#   the output sent to a file because the disk is full (ENOSPC)
