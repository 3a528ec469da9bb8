"""A page that shows pictures as they are made, to browsers of this machine.

Legend of shapes: h w pixels.
"""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from monodepth2.errors import UserError
from monodepth2.files.pictures import encoded
from monodepth2.pages import filled

LOOPBACK = "127.0.0.1"
BOUNDARY = "frame"
LOOKS = 0.5  # seconds between two looks at whether the page is closed
PATIENCE = 10  # seconds in which a browser should take a picture


class LivePage:
    """Serves a page, and on it the newest picture to every viewer, until its context ends.

    Args:
        port: of this machine, on its loopback alone; 0 for any that is free.
        values: of the page's template.

    Attributes:
        address: of the page.

    Raises:
        UserError: the port cannot be used.
    """

    def __init__(self, port: int, **values: Any) -> None:
        self.html = filled("live.html", **values).encode()
        self._changed = threading.Condition()
        self._jpeg, self._count = b"", 0
        self._is_open = True
        try:
            self._server = _Server(self, port)
        except OSError as error:
            remedy = "take another one, or 0 for any that is free"
            raise UserError(f"--live {port}: this port cannot be used ({error.strerror}); {remedy}") from error
        self.address = f"http://{LOOPBACK}:{self._server.server_port}/"

    def __enter__(self) -> "LivePage":
        threading.Thread(target=self._server.serve_forever, args=(LOOKS,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def show(self, rgb_hw3: np.ndarray) -> None:
        """Show a picture, uint8, to all viewers."""
        jpeg = encoded(rgb_hw3, "JPEG", quality=85)
        with self._changed:
            self._jpeg, self._count = jpeg, self._count + 1
            self._changed.notify_all()

    def pictures(self) -> Iterator[bytes]:
        """Yield pictures as JPEG, the newest each time; a viewer that is slow misses some."""
        seen = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._count > seen or not self._is_open)  # noqa: B023
                if not self._is_open:
                    return
                jpeg, seen = self._jpeg, self._count
            yield jpeg


class _Server(ThreadingHTTPServer):
    def __init__(self, page: LivePage, port: int) -> None:
        self.page = page
        super().__init__((LOOPBACK, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE

    def do_GET(self) -> None:
        # pages from elsewhere reach this machine under names of their own: they shall not see what a camera shows
        if self.headers.get("Host", "").partition(":")[0] not in (LOOPBACK, "localhost"):
            self.send_error(403, "open the page by its own address")
            return
        pages = {"/": self._send_page, "/frames": self._send_pictures}
        try:
            pages.get(self.path, lambda: self.send_error(404))()
        except OSError:  # the viewer has gone
            self.close_connection = True

    def _send_page(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(self.server.page.html)))
        self.end_headers()
        self.wfile.write(self.server.page.html)

    def _send_pictures(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(f"--{BOUNDARY}\r\n".encode())
        for jpeg in self.server.page.pictures():
            header = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            # browsers show a picture when they see the boundary after it
            self.wfile.write(header.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode())

    def log_message(self, format: str, *values: Any) -> None:
        """Say nothing of requests: the terminal shows the progress."""
