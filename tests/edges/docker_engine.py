"""A stand-in for a Docker Engine: its HTTP API, and containers that are processes of this machine.

It speaks as much of the API as the Docker SDK uses for compile jobs, in the forms of the Engine API
reference, version 1.45. A container gets a folder as its root, into which its mounts are linked,
and the real entry point runs in it among the stand-ins of `lmi_deployer.sandbox.container`.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lmi_deployer.sandbox import container as lmi_container

API_VERSION = "1.45"
PULL_EVENTS = (
    {"status": "Pulling from djl-inference", "id": "0.33.0"},
    {"status": "Already exists", "id": "aaa"},
    {
        "status": "Downloading",
        "id": "bbb",
        "progressDetail": {"current": 1 << 30, "total": 4 << 30},
    },
    {
        "status": "Downloading",
        "id": "bbb",
        "progressDetail": {"current": 3 << 30, "total": 4 << 30},
    },
    {"status": "Download complete", "id": "bbb"},
    {"status": "Pull complete", "id": "bbb"},
)


@dataclass
class FakeContainer:
    """One container, and the process that it stands for."""

    id: str
    name: str
    request: dict[str, Any]
    root: Path
    status: str = "created"
    exit_code: int = 0
    oom_killed: bool = False
    lines: list[tuple[str, str]] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    reader: threading.Thread | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    def say(self, text: str) -> None:
        """One line of its log, with a time that no other line has."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
        self.lines.append((f"{now}{len(self.lines) % 1000:03d}Z", text))

    def end(self, status: int) -> None:
        """It has ended; a signal becomes the status that a shell makes of it."""
        self.exit_code = 128 - status if status < 0 else status
        self.status = "exited"
        self.ended.set()


class DockerEngine:
    """What the stand-in holds, what it was asked, and how it is to misbehave."""

    def __init__(self, folder: Path, *, gpu: str = "L4", gpu_count: int = 1) -> None:
        self.folder = folder
        self.gpu, self.gpu_count = gpu, gpu_count
        self.images: set[str] = set()
        self.image_environment = ["HF_HOME=/tmp/.cache/huggingface"]
        self.containers: dict[str, FakeContainer] = {}
        self.started: list[FakeContainer] = []
        self.created: list[dict[str, Any]] = []
        self.pulls: list[dict[str, Any]] = []
        self.pull_error: str | None = None
        self.start_error: str | None = None
        self.idles = False
        """True where containers only seem to run, which is enough for what they are given."""
        self.memory_bytes = 1 << 60
        self.architecture = "x86_64"
        self.breaks_off = False
        """True where the connection ends in the middle of a pull."""
        self.variables: dict[str, str] = {}
        """Of every container's process: how the stand-ins in it misbehave."""
        self.lock = threading.RLock()
        self.url = ""

    def find(self, reference: str) -> FakeContainer | None:
        """A container by its name or id."""
        for item in self.containers.values():
            if reference in {item.name, item.id}:
                return item
        return None

    def start(self, item: FakeContainer) -> None:
        """Run it: the entry point, or at once nothing where the request replaces that."""
        if item.request.get("Entrypoint"):
            item.end(0)
            return
        _mount(item)
        if self.idles:
            item.status = "running"
            return
        tag = item.request["Image"]
        lmi_container.prepare(item.root, image_tag=tag, gpu=self.gpu, gpu_count=self.gpu_count)
        environment = lmi_container.environment(
            item.root, endpoint_url="", region="us-east-1", access_key_id="", secret_access_key=""
        )
        item.process = subprocess.Popen(
            lmi_container.command(item.root),
            env={**environment, **_variables(item), **self.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        item.status = "running"
        item.reader = threading.Thread(target=_read, args=(item,), daemon=True)
        item.reader.start()
        self.started.append(item)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """End a container from outside."""
        item = self.find(name)
        assert item is not None
        self.end(item, number)

    @staticmethod
    def end(item: FakeContainer, number: int = signal.SIGKILL) -> None:
        """Signal a container's processes, and wait until none is left."""
        if item.process is None or item.reader is None:
            if item.status == "running":
                item.end(-number)
            return
        if item.process.poll() is None:
            os.killpg(item.process.pid, number)
        item.reader.join(30)

    def close(self) -> None:
        """Leave nothing running."""
        for item in self.started:
            self.end(item)


def _read(item: FakeContainer) -> None:
    assert item.process is not None
    assert item.process.stdout is not None
    with item.process.stdout as output:
        for line in output:
            item.say(line.rstrip("\n"))
    item.end(item.process.wait())


def _mount(item: FakeContainer) -> None:
    for mount in item.request["HostConfig"].get("Mounts") or ():
        target = item.root / mount["Target"].lstrip("/")
        source = Path(mount["Source"])
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            target.symlink_to(source, target_is_directory=True)
        else:  # a mounted file outlives its name
            shutil.copy2(source, target)


def _variables(item: FakeContainer) -> dict[str, str]:
    given = dict(entry.partition("=")[::2] for entry in item.request.get("Env") or ())
    return {**given, "HF_HOME": str(item.root / "tmp/.cache/huggingface")}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # else the head of an answer waits for an acknowledgement before its body
    engine: DockerEngine

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        split = urlsplit(self.path)
        path = split.path.strip("/").split("/")
        if path[0].startswith("v1."):
            path = path[1:]
        query = {key: values[0] for key, values in parse_qs(split.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"null")
        match path:
            case ["_ping"]:
                self._send(200, b"OK", "text/plain")
            case ["version"]:
                self._json(200, {"ApiVersion": API_VERSION, "MinAPIVersion": "1.24"})
            case ["info"]:
                info = {"ID": "stand-in", "MemTotal": self.engine.memory_bytes}
                info |= {"DockerRootDir": "/nowhere", "Architecture": self.engine.architecture}
                self._json(200, info)
            case ["images", "create"]:
                self._pull(query)
            case ["images", *name, "json"]:
                self._image("/".join(name))
            case ["containers", "json"]:
                self._json(200, [])
            case ["containers", "create"]:
                self._create(query.get("name", ""), body)
            case ["containers", reference, *action]:
                self._container(method, reference, action, query)
            case _:
                self._refuse(404, f"page not found: {method} {self.path}")

    def _pull(self, query: dict[str, str]) -> None:
        engine = self.engine
        tag = query["tag"]
        uri = f"{query['fromImage']}{'@' if ':' in tag else ':'}{tag}"
        login = self.headers.get("X-Registry-Auth")
        engine.pulls.append(
            {"image": uri, "login": json.loads(base64.urlsafe_b64decode(login)) if login else None}
        )
        events: list[dict[str, Any]] = list(PULL_EVENTS)
        if engine.pull_error is not None:
            events = [*events[:3], {"error": engine.pull_error, "errorDetail": {}}]
        else:
            engine.images.add(uri)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            content = f"{json.dumps(event)}\r\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
            if engine.breaks_off:
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")

    def _image(self, name: str) -> None:
        if name not in self.engine.images:
            self._refuse(404, f"No such image: {name}")
            return
        config = {"Env": self.engine.image_environment, "User": ""}
        self._json(200, {"Id": "sha256:1", "RepoTags": [name], "Config": config})

    def _create(self, name: str, request: dict[str, Any]) -> None:
        engine = self.engine
        with engine.lock:
            if name and engine.find(name) is not None:
                self._refuse(409, f'Conflict. The container name "/{name}" is already in use')
                return
            if request["Image"] not in engine.images:
                self._refuse(404, f"No such image: {request['Image']}")
                return
            for mount in request["HostConfig"].get("Mounts") or ():
                if not Path(mount["Source"]).exists():
                    self._refuse(400, f"bind source path does not exist: {mount['Source']}")
                    return
            number = f"{len(engine.created):012x}"
            item = FakeContainer(number, name or number, request, engine.folder / number)
            engine.created.append({"name": name, **request})
            engine.containers[number] = item
        self._json(201, {"Id": number, "Warnings": []})

    def _container(
        self, method: str, reference: str, action: list[str], query: dict[str, str]
    ) -> None:
        engine, item = self.engine, self.engine.find(reference)
        if item is None:
            self._refuse(404, f"No such container: {reference}")
            return
        match method, action:
            case "GET", ["json"]:
                self._json(200, _inspected(item))
            case "POST", ["start"]:
                if engine.start_error is not None:
                    self._refuse(500, engine.start_error)
                    return
                engine.start(item)
                self._send(204, b"", "text/plain")
            case "POST", ["wait"]:
                item.ended.wait()
                self._json(200, {"StatusCode": item.exit_code})
            case "POST", ["stop"]:
                engine.kill(reference, signal.SIGTERM)
                self._send(204, b"", "text/plain")
            case "GET", ["logs"]:
                self._send(200, _logs(item, query), "application/vnd.docker.multiplexed-stream")
            case "DELETE", []:
                engine.kill(reference)
                engine.containers.pop(item.id, None)
                self._send(204, b"", "text/plain")
            case _:
                self._refuse(404, "page not found")

    def _refuse(self, status: int, message: str) -> None:
        self._json(status, {"message": message})

    def _json(self, status: int, document: Any) -> None:
        self._send(status, json.dumps(document).encode(), "application/json")

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Api-Version", API_VERSION)
        if status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _inspected(item: FakeContainer) -> dict[str, Any]:
    if item.status == "exited" and item.reader is not None:
        item.reader.join(30)
    request = item.request
    return {
        "Id": item.id,
        "Name": f"/{item.name}",
        "Image": "sha256:1",
        "Created": "2026-11-21T00:00:00.000000000Z",
        "State": {
            "Status": item.status,
            "Running": item.status == "running",
            "ExitCode": item.exit_code,
            "OOMKilled": item.oom_killed,
            "Error": "",
        },
        "Config": {"Tty": False, "Labels": request.get("Labels") or {}, "Image": request["Image"]},
        "HostConfig": {"LogConfig": {"Type": "json-file", "Config": {}}},
    }


def _logs(item: FakeContainer, query: dict[str, str]) -> bytes:
    lines = list(item.lines)
    if "since" in query:
        begin = float(query["since"])
        lines = [line for line in lines if datetime.fromisoformat(line[0]).timestamp() >= begin]
    if query.get("tail", "all") != "all":
        lines = lines[-int(query["tail"]) :]
    framed = b""
    for stamp, text in lines:
        content = f"{stamp} {text}\n" if query.get("timestamps") == "1" else f"{text}\n"
        framed += struct.pack(">BxxxL", 1, len(content.encode())) + content.encode()
    return framed


@contextmanager
def running_engine(folder: Path) -> Iterator[DockerEngine]:
    """A stand-in engine on the loopback address, for as long as the block runs."""
    engine = DockerEngine(folder)
    handler = type("Handler", (_Handler,), {"engine": engine})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    engine.url = f"tcp://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield engine
    finally:
        engine.close()
        server.shutdown()
        server.server_close()
        thread.join()
