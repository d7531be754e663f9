"""A real S3-compatible server (moto) in a process of its own on loopback, and a way to it that goes wrong."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
from pydantic import SecretStr

from pipeline.settings import Settings

KEY, SECRET, REGION = "AKIAEXAMPLE", "not-a-real-secret", "ap-northeast-2"
SERVE = """
import sys, threading
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class S3Server:
    """Where the server listens, and the log of every request it answered."""

    endpoint: str
    log: Path

    def client(self, service: str = "s3", **more):
        """Return the provider's own client, as one who sets a bucket up would use it."""
        given = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": REGION}
        return boto3.client(service, endpoint_url=self.endpoint, **{**given, **more})

    def new_bucket(self) -> str:
        """Make an empty bucket."""
        name = f"air-{uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Return every object of a bucket."""
        client = self.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
        return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def requests(self) -> list[str]:
        """Return method and target of every request so far."""
        lines = self.log.read_text().splitlines()
        return [line.split('"')[1].removesuffix(" HTTP/1.1") for line in lines if '"' in line]


@contextmanager
def serving_s3(folder: Path, **environment: str) -> Iterator[S3Server]:
    """Run a server until the block ends."""
    log = folder / f"s3-{uuid4().hex[:8]}.log"
    with log.open("wb") as told:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=told,
            env={**os.environ, **environment},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            yield S3Server(f"http://127.0.0.1:{port}", log)
        finally:
            process.stdin.close()
            process.stdout.close()
            process.terminate()
            process.wait(20)


def storage_settings(folder: Path, endpoint: str, bucket: str, **more: object) -> Settings:
    """Return settings of a data folder whose batches lie in a bucket."""
    given: dict[str, object] = {
        "data_dir": folder,
        "storage_url": f"s3://{bucket}/node",
        "storage_endpoint": endpoint,
        "storage_region": REGION,
        "storage_key_id": SecretStr(KEY),
        "storage_secret": SecretStr(SECRET),
    }
    return Settings(**{**given, **more})  # type: ignore[arg-type]


@dataclass
class BadWay:
    """A proxy in front of the server; ``fault`` says what happens to the next ``times`` connections.

    ``slow down`` : answered by 503 SlowDown; ``hang`` : never answered; ``cut upload`` : only the first bytes
    of the request arrive; ``cut answer`` : the answer ends after some bytes; ``reset`` : closed at once
    """

    target: tuple[str, int]
    fault: str = ""
    times: int = 0
    cut_at: int = 700
    met: int = 0
    port: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """Return the address of the proxy."""
        return f"http://127.0.0.1:{self.port}"

    def go_wrong(self, fault: str, times: int = 1, cut_at: int = 700) -> None:
        """Let the next connections go wrong; those that are open are closed."""
        self.fault, self.times, self.cut_at, self.met = fault, times, cut_at, 0
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def serve(self, listening: socket.socket) -> None:
        """Accept until the socket is closed."""
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._meet, args=(client,), daemon=True).start()

    def _meet(self, client: socket.socket) -> None:
        fault = self.fault if self.times > 0 else ""
        if fault:
            self.times, self.met = self.times - 1, self.met + 1
        with client:
            self._open.append(client)
            if fault == "slow down":
                _slow_down(client)
            elif fault == "hang":
                with contextlib.suppress(OSError):
                    while client.recv(65536):
                        pass
            elif fault != "reset":
                with contextlib.suppress(OSError), socket.create_connection(self.target) as server:
                    up = self.cut_at if fault == "cut upload" else None
                    down = self.cut_at if fault == "cut answer" else None
                    _relay(client, server, up, down)


def _slow_down(client: socket.socket) -> None:
    body = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
    head = b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    with contextlib.suppress(OSError):
        client.recv(65536)
        client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass


def _relay(client: socket.socket, server: socket.socket, up: int | None, down: int | None) -> None:
    """Carry bytes both ways, at most so many of them; ends when either side does."""
    left = {client: up, server: down}
    other = {client: server, server: client}
    with selectors.DefaultSelector() as ready:
        for one in (client, server):
            ready.register(one, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select(timeout=30):
                source: socket.socket = key.fileobj  # type: ignore[assignment]
                content = source.recv(65536)
                limit = left[source]
                if limit is not None:
                    content = content[:limit]
                    left[source] = limit - len(content)
                if not content:
                    return
                other[source].sendall(content)


@contextmanager
def bad_way(server: S3Server) -> Iterator[BadWay]:
    """Put a proxy in front of a server until the block ends."""
    place = urlsplit(server.endpoint)
    way = BadWay((str(place.hostname), int(place.port or 0)))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        way.port = listening.getsockname()[1]
        thread = threading.Thread(target=way.serve, args=(listening,), daemon=True)
        thread.start()
        try:
            yield way
        finally:
            way.go_wrong("")
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)
