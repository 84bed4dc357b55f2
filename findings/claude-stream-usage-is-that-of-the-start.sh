#!/usr/bin/env bash
# Output tokens of claude's stream are those of the first moment; the transcript on disk has the real ones.
#
# `claude -p --output-format stream-json` prints each message with `message.usage`. One expects the last event of a message
# to hold what it cost. It holds the usage of the API's `message_start`, so `output_tokens` is 1 (or whatever that said)
# however long the answer is; the final figure comes only with `result`. Whoever adds up the stream of a session that was
# killed before its result counts almost no output. The session's transcript
# ($CLAUDE_CONFIG_DIR/projects/*/SESSION.jsonl) has the whole usage of each message as soon as it is there.
#
# Seen with Claude Code 2.1.332, as PyPI's claude-agent-sdk 0.2.189 carries it.   Needs: python3 >= 3.11.
set -euo pipefail
t=$(mktemp -d)
trap 'kill "$api" 2>/dev/null || :; rm -rf "$t"' EXIT
python3 -m venv "$t/venv"
"$t/venv/bin/pip" -q --disable-pip-version-check install --no-deps claude-agent-sdk==0.2.189 2>/dev/null
claude=$(echo "$t"/venv/lib/python*/site-packages/claude_agent_sdk/_bundled/claude)
chmod +x "$claude"

cat >"$t/api.py" <<'PY'
"""A Messages API on loopback that always says hello: 1 output token at the start, 500 at the end."""
import http.server, json, sys
class Api(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [],
                 "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
        events = [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 500}},
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
env -i PATH=/usr/bin:/bin HOME="$t/home" CLAUDE_CODE_TMPDIR="$t/home" ANTHROPIC_API_KEY=dummy \
  ANTHROPIC_BASE_URL="http://127.0.0.1:$(cat "$t/port")" DISABLE_TELEMETRY=1 DISABLE_AUTOUPDATER=1 \
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 CLAUDE_CODE_MAX_RETRIES=0 \
  "$claude" -p hi --model claude-sonnet-4-5 --output-format stream-json --verbose </dev/null >"$t/stream"
python3 - "$t" <<'PY'
import glob, json, sys
stream = [json.loads(line) for line in open(f"{sys.argv[1]}/stream")]
(transcript,) = glob.glob(f"{sys.argv[1]}/home/.claude/projects/*/*.jsonl")
kept = [json.loads(line) for line in open(transcript)]
told = [e["message"]["usage"]["output_tokens"] for e in stream if e["type"] == "assistant"]
written = [e["message"]["usage"]["output_tokens"] for e in kept if e.get("type") == "assistant"]
result = [e["usage"]["output_tokens"] for e in stream if e["type"] == "result"]
version = next(e["claude_code_version"] for e in stream if e.get("subtype") == "init")
print(f"Claude Code {version}: output tokens in the stream's messages {told}, in the transcript {written}, in the result {result}")
assert (version, told, written, result) == ("2.1.332", [1], [500], [500])
PY
# Output seen:
#   Claude Code 2.1.332: output tokens in the stream's messages [1], in the transcript [500], in the result [500]
