"""A real browser for tests, driven over a pipe by the DevTools protocol, which needs no package."""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HANGS = 300.0  # seconds after which something that should have happened is given up, however slow the machine
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-dev-shm-usage", "--remote-debugging-pipe"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),  # a camera that shows a clock
    "--enable-unsafe-swiftshader",  # WebGL without a GPU
)


def in_browser_test(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that needs a browser."""
    test = pytest.mark.slow(reason="starts Chromium; some fetch onnxruntime-web the first time")(test)
    return pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium, e.g. Debian's chromium")(test)


class Page:
    """One page of a browser.

    Attributes:
        requests: addresses that the page and its workers have asked for.
    """

    def __init__(self, to: Any, back: Any) -> None:
        self._to, self._back, self._count = to, back, 0
        self.requests: list[str] = []
        target = self._call("Target.createTarget", {"url": "about:blank"}, None)["targetId"]
        attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True}, None)
        self._session: str | None = attached["sessionId"]
        for domain in ("Network", "Page", "Runtime", "DOM"):
            self.call(f"{domain}.enable")
        self.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol for this page."""
        return self._call(method, parameters, self._session)

    def open(self, address: str) -> None:
        """Go to an address, and wait until all of the page is there."""
        self.call("Page.navigate", url=address)
        self.wait_for("document.readyState == 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression in JavaScript, awaited if it is a promise."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """The value of an expression once it is true."""
        end = time.monotonic() + HANGS
        while not (value := self.run(script)):
            assert time.monotonic() < end, f"never became true: {script}; {self.run('document.body.innerText')}"
            time.sleep(0.05)
        return value

    def press(self, key: str, **more: Any) -> None:
        """Press a key and let it go, as a visitor does, wherever the focus is."""
        text = {"Enter": "\r", " ": " "}.get(key)
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **({"text": text} if text else {}), **more)

    def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file in an input of the page, as a visitor does."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def download(self, script: str, folder: Path) -> Path:
        """The file that the page saves when a script is run."""
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        before = set(folder.iterdir())
        self.run(script)
        end = time.monotonic() + HANGS
        while True:
            for path in set(folder.iterdir()) - before:
                if path.suffix != ".crdownload" and not path.name.startswith("."):
                    return path
            assert time.monotonic() < end, "nothing was saved"
            time.sleep(0.05)

    def _call(self, method: str, parameters: Mapping[str, Any], session: str | None) -> dict[str, Any]:
        number = self._send(method, parameters, session)
        while (message := self._read()).get("id") != number:
            self._note(message)
        assert "error" not in message, f"{method}: {message['error']}"
        return message["result"]

    def _send(self, method: str, parameters: Mapping[str, Any], session: str | None) -> int:
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        self._to.write(json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        self._to.flush()
        return self._count

    def _read(self) -> dict[str, Any]:
        content = bytearray()
        while (byte := self._back.read(1)) != b"\0":
            assert byte, "the browser has ended"
            content += byte
        return json.loads(content)

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        elif message.get("method") == "Target.attachedToTarget":  # a worker, which waits until it is watched
            session = message["params"]["sessionId"]
            self._send("Network.enable", {}, session)
            self._send("Runtime.runIfWaitingForDebugger", {}, session)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder as `python -m http.server` does; lends the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextmanager
def chromium(*flags: str) -> Iterator[Page]:
    """Lend a page of a new browser, which knows nothing of earlier ones."""
    assert CHROMIUM is not None
    their_end, our_end = os.pipe(), os.pipe()
    # above the numbers that they get in the browser
    read, write = fcntl.fcntl(their_end[0], fcntl.F_DUPFD, 10), fcntl.fcntl(our_end[1], fcntl.F_DUPFD, 10)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *flags]
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "bash", *command],
            pass_fds=(read, write),
            stderr=subprocess.DEVNULL,
        )
        for end in (their_end[0], our_end[1], read, write):
            os.close(end)
        try:
            with open(their_end[1], "wb") as to, open(our_end[0], "rb") as back:
                page = Page(to, back)
                yield page
                with suppress(AssertionError, OSError):
                    page._call("Browser.close", {}, None)
                process.wait(30)
        finally:
            process.kill()
            process.wait()
