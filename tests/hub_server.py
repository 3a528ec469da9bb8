"""A server of this machine that speaks the Hugging Face hub's protocol, as far as models are pushed and pulled."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Handler(BaseHTTPRequestHandler):
    """Answers as the hub does: files of repositories, their errors, and the four steps of an upload."""

    server: Any
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._file()

    def do_GET(self) -> None:
        self._file()

    def _file(self) -> None:
        self.server.requests.append(self.path)
        if asked := re.fullmatch(r"/api/models/([^/]+/[^/]+?)(/tree/main)?(\?.*)?", self.path):
            return self._about(asked[1], asked[2] is not None)
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        repository, revision, name = found.groups() if found else ("", "", "")
        files = self.server.repositories.get(repository)
        if files is None:
            return self._answer(404, code="RepoNotFound")
        if revision not in ("main", COMMIT):
            return self._answer(404, code="RevisionNotFound")
        if name not in files:
            return self._answer(404, code="EntryNotFound")
        return self._answer(200, files[name], size=self.server.sizes.get(name))

    def _about(self, repository: str, its_files: bool) -> None:
        """Tell about a repository, or list its files."""
        if self._is_stranger():
            return None
        files = self.server.repositories.get(repository)
        if files is None:
            return self._answer(404, code="RepoNotFound")
        if its_files:
            return self._json([{"type": "file", "path": name, "size": 1, "oid": ""} for name in files])
        siblings = [{"rfilename": name} for name in files]
        return self._json(
            {"id": repository, "private": self.server.private.get(repository, False), "siblings": siblings}
        )

    def do_PUT(self) -> None:
        content = self._body()
        self.server.objects[hashlib.sha256(content).hexdigest()] = content
        self._answer(200)

    def do_POST(self) -> None:
        body, server = self._body(), self.server
        server.requests.append(self.path)
        if self._is_stranger():
            return None
        if self.path == "/api/repos/create":
            wanted = json.loads(body)
            name = f"{wanted['organization']}/{wanted['name']}"
            if name in server.repositories:
                known = {"error": "You already created this model repo", "url": f"{server.address}/{name}"}
                return self._answer(409, json.dumps(known).encode())
            server.repositories[name] = {".gitattributes": b""}
            server.private[name] = wanted.get("private", wanted.get("visibility") == "private")
            return self._json({"url": f"{server.address}/{name}", "name": name})
        if self.path == "/api/validate-yaml":  # of the head of the card
            return self._json({"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            large = {item["path"]: item["path"].endswith(".safetensors") for item in json.loads(body)["files"]}
            modes = [
                {"path": path, "uploadMode": "lfs" if is_large else "regular", "shouldIgnore": False}
                for path, is_large in large.items()
            ]
            return self._json({"files": modes})
        if self.path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**item, "actions": {"upload": {"href": f"{server.address}/lfs/{item['oid']}"}}}
                for item in json.loads(body)["objects"]
            ]
            return self._json({"transfer": "basic", "objects": objects})
        return self._commit(body)

    def _is_stranger(self) -> bool:
        """Whether the token is not the right one, which is answered then."""
        token = self.server.token
        if not token or self.headers.get("Authorization") == f"Bearer {token}":
            return False
        self._answer(401, b'{"error": "Invalid username or password."}')
        return True

    def _commit(self, body: bytes) -> None:
        repository = self.path.removeprefix("/api/models/").partition("/commit/")[0]
        files = self.server.repositories[repository]
        for line in map(json.loads, body.decode().splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        address = f"{self.server.address}/{repository}/commit/{COMMIT}"
        self._json({"success": True, "commitOid": COMMIT, "commitUrl": address, "hookOutput": ""})

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _json(self, answer: Any) -> None:
        self._answer(200, json.dumps(answer).encode())

    def _answer(self, status: int, content: bytes = b"", code: str = "", size: int | None = None) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content) if size is None else size))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


class HubServer(ThreadingHTTPServer):
    """What is served and what was asked for.

    Attributes:
        repositories: files by their names, by the name of the repository.
        private: whether a repository was made for its owner alone, by its name.
        sizes: that are stated of files, where they are not the true ones.
        objects: large files that came, by their sums.
        requests: path of each request but uploads of large files.
        token: without which nothing is taken; empty for any.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.sizes: dict[str, int] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.token = ""
        self.address = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def hub_server(monkeypatch: pytest.MonkeyPatch, cache: Any) -> Iterator[HubServer]:
    """Let the hub's package speak with such a server, and keep its cache in a folder, as HF_ENDPOINT and HF_HOME do.

    The package reads these variables when it is imported, which it is by now.
    """
    from huggingface_hub import constants

    with HubServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
        settings = {"ENDPOINT": server.address, "HUGGINGFACE_CO_URL_TEMPLATE": template, "HF_HUB_CACHE": str(cache)}
        settings |= {"HF_HUB_DISABLE_XET": True, "HF_TOKEN_PATH": str(cache / "token"), "HF_HUB_OFFLINE": False}
        for name, value in settings.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv("HF_TOKEN", "hf_of_the_test")
        yield server
        server.shutdown()
        server.repositories.clear()  # a connection that is kept open keeps the server, and with it all files
        server.objects.clear()
