"""`djl-serving`: answers /ping and /invocations with no model behind it.

Listens where `SERVING_INFERENCE_ADDRESS` or `inference_address` of a `-f` file says, else on port
8080 of the loopback interface. Source: djl-serving@0.25.0-dlc:serving/src/main/java/ai/djl/serving/
util/ConfigManager.java
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .answers import answer

DEFAULT_ADDRESS = "http://127.0.0.1:8080"
DEFAULT_MAX_NEW_TOKENS = 30


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self) -> None:
        """Healthy on /ping."""
        self._respond(200 if self.path == "/ping" else 404, {"status": "Healthy"})

    def do_POST(self) -> None:
        """Text for a prompt, or a list of them for several, in the schema of LMI containers."""
        try:
            sent = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            inputs = sent["inputs"]
        except (ValueError, KeyError, TypeError):
            self._respond(424, {"error": "the request has no inputs", "code": 424})
            return
        tokens = sent.get("parameters", {}).get("max_new_tokens", DEFAULT_MAX_NEW_TOKENS)
        prompts = inputs if isinstance(inputs, list) else [inputs]
        answers = [{"generated_text": _generated(prompt, tokens)} for prompt in prompts]
        self._respond(200, answers if isinstance(inputs, list) else answers[0])

    def _respond(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing: a line a request would drown the job's own."""


def _generated(prompt: str, max_new_tokens: int) -> str:
    return " ".join(answer(prompt, max_new_tokens, is_compiled=True))


def _address(config_file: str | None) -> str:
    if asked := os.environ.get("SERVING_INFERENCE_ADDRESS"):
        return asked
    lines = Path(config_file).read_text().splitlines() if config_file else []
    settings = dict(line.split("=", 1) for line in lines if "=" in line)
    return settings.get("inference_address", DEFAULT_ADDRESS)


def main(argv: list[str]) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="djl-serving")
    parser.add_argument("-f", "--config-file")
    asked, _ = parser.parse_known_args(argv)
    address = urlsplit(_address(asked.config_file))
    server = HTTPServer((address.hostname or "127.0.0.1", address.port or 8080), Handler)
    sys.stdout.write(f"stand-in for djl-serving listens on {address.netloc}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
