"""A scripted Anthropic Messages API on loopback, for the real `claude` command; scenarios in messages_script.

    with MessagesApi() as api:
        ...  # run claude with ANTHROPIC_BASE_URL=api.url
    api.requests  # what it was asked

Alone: `python -m tests.support.claude.messages_api --port 8701`; prints one JSON line a request.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import signal
import socket
import struct
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from miyabi.claude.prices import PRICES, Tokens, model_name
from tests.support.claude.messages_script import Answer, Conversation, Drop, Hang, Refuse, Say, answer
from tests.support.cli.background import Serving


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that reached the API. `at` is epoch seconds; `is_marked`: the API's marker is somewhere in it."""

    session: str
    scenario: str
    step: int
    stream: bool
    prompt: str
    at: float
    is_marked: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One answer of the model: to whom, and with which tokens, by the names that the API gives them."""

    session: str
    model: str
    usage: Mapping[str, int]

    @property
    def usd(self) -> float:
        """What it costs by the list of prices."""
        names = {"input_tokens": "input", "output_tokens": "output", "cache_read_input_tokens": "cache_read"}
        tokens = {names.get(name, "cache_write_5m"): number for name, number in self.usage.items()}
        price = PRICES[model_name(self.model)]
        return price.usd(Tokens(**tokens))


def usual_usage(_number: int) -> Mapping[str, int]:
    """The tokens of every answer where a test does not say them."""
    return {"input_tokens": 100, "output_tokens": 20}


class MessagesApi(Serving):
    """The server, listening from construction until `close`. Thread-safe. While it `is_away`, connections are reset.

    Args:
        host: address to listen on.
        port: port to listen on, 0 for any free one.
        default: scenario of prompts that name none.
        patterns: regular expression found in the prompt → scenario, where the prompt has no marker.
        on_request: called with each request, from the server's threads.
        usage: the tokens of each answer, by its number in its conversation from 0 on.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        default: str = "write",
        patterns: Mapping[str, str] | None = None,
        on_request: Callable[[Request], object] = lambda _: None,
        usage: Callable[[int], Mapping[str, int]] = usual_usage,
    ) -> None:
        self._usage, self._served = usage, list[Served]()
        self._default, self._patterns, self._on_request = default, dict(patterns or {}), on_request
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._limits: dict[str, float] = {}
        self.marker = "\0"
        self.is_away = False
        self.closing = threading.Event()
        super().__init__(_Server((host, port), _Handler, api=self))

    @property
    def requests(self) -> tuple[Request, ...]:
        """All requests so far, in order of arrival."""
        with self._lock:
            return tuple(self._requests)

    @property
    def served(self) -> tuple[Served, ...]:
        """All answers of the model so far."""
        with self._lock:
            return tuple(self._served)

    def serve(self, *, session: str, model: str) -> Mapping[str, int]:
        """Notes one more answer; its tokens."""
        with self._lock:
            usage = self._usage(sum(served.session == session for served in self._served))
            self._served.append(Served(session=session, model=model, usage=usage))
        return usage

    def close(self) -> None:
        """Stop listening and let go of hanging requests."""
        self.closing.set()
        super().close()

    def decide(self, body: Mapping[str, Any], *, session: str, header: str) -> Answer:
        """Record the request and choose its answer."""
        talk, now = Conversation.read(body), time.time()
        name, argument = talk.scenario or self._scenario(talk.prompt, header=header)
        stream = bool(body.get("stream"))
        request = Request(
            session=session,
            scenario=name,
            step=talk.step,
            stream=stream,
            prompt=talk.prompt,
            at=now,
            is_marked=self.marker in json.dumps(body),
        )
        with self._lock:
            self._requests.append(request)
            before = self._counts[session, name]
            self._counts[session, name] += 1
            limit = self._limits.setdefault(name, now + float(argument or 2)) if name == "limit_once" else None
        self._on_request(request)
        return answer(talk, scenario=name, argument=argument, before=before, now=now, limited_until=limit)

    def _scenario(self, prompt: str, *, header: str) -> tuple[str, str]:
        found = next((s for pattern, s in self._patterns.items() if re.search(pattern, prompt)), header)
        name, _, argument = (found or self._default).partition(":")
        return name, argument


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *words: Any, api: MessagesApi) -> None:
        self.api = api
        super().__init__(*words)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", "0"))))
        if self.server.api.is_away:
            self._drop(stream=False)
            return
        if self.path.partition("?")[0] != "/v1/messages":
            self._error(Refuse(status=404, kind="not_found_error", message=self.path))
            return
        session = self.headers.get("x-claude-code-session-id", "")
        match self.server.api.decide(body, session=session, header=self.headers.get("x-scenario", "")):
            case Say() as say:
                self._say(
                    say, session=session, model=str(body.get("model", "scripted")), stream=bool(body.get("stream"))
                )
            case Refuse() as refuse:
                self._error(refuse)
            case Drop():
                self._drop(stream=bool(body.get("stream")))
            case Hang():
                self.server.api.closing.wait()
                self.close_connection = True

    def _say(self, say: Say, *, session: str, model: str, stream: bool) -> None:
        message = _message(say, model=model, usage=self.server.api.serve(session=session, model=model))
        if stream:
            self._send(200, _events(message), kind="text/event-stream")
        else:
            self._send(200, json.dumps(message).encode())

    def _error(self, refuse: Refuse) -> None:
        error = {"type": "error", "error": {"type": refuse.kind, "message": refuse.message}}
        self._send(refuse.status, json.dumps(error).encode(), headers=refuse.headers)

    def _send(
        self, status: int, body: bytes, *, kind: str = "application/json", headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        common = {"content-type": kind, "content-length": str(len(body)), "connection": "close"}
        for name, value in {**common, "request-id": f"req_{uuid.uuid4().hex[:20]}", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drop(self, *, stream: bool) -> None:
        if stream:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("request-id", f"req_{uuid.uuid4().hex[:20]}")
            self.end_headers()
            self.wfile.write(_events(_message(Say(text="cut"), model="scripted", usage=usual_usage(0)))[:-200])
            time.sleep(0.1)
        # A linger time of 0 makes the close a reset, as a failing middlebox does.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()
        self.close_connection = True


def _message(say: Say, *, model: str, usage: Mapping[str, int]) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": say.text}
    if say.bash is not None:
        tool = say.bash.get("input") or {"description": "scripted", **say.bash}
        block = {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:20]}", "name": say.tool, "input": tool}
    return {
        "id": f"msg_{uuid.uuid4().hex[:20]}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [block],
        "stop_reason": "tool_use" if say.bash is not None else "end_turn",
        "stop_sequence": None,
        "usage": dict(usage),
    }


def _events(message: Mapping[str, Any]) -> bytes:
    (block,) = message["content"]
    if block["type"] == "text":
        empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
    else:
        empty = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    head = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": head},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": message["usage"]["output_tokens"]}},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8701)
    parser.add_argument("--default", default="write", help="scenario of prompts that name none")
    options = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    with MessagesApi(host=options.host, port=options.port, default=options.default, on_request=_print) as api:
        print(f"listening on {api.url}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


def _print(request: Request) -> None:
    print(json.dumps(dataclasses.asdict(request), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
