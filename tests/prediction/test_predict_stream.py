"""Streams from a server of this machine: the newest frame wins, and every end is told."""

import io
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image

from clips import write_clip
from monodepth2.config import PredictOptions, parse_as
from monodepth2.errors import UserError
from monodepth2.prediction.inputs import Stream, find_input
from monodepth2.prediction.run import predict
from scripts import HANGS, in_process


def grey(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 48), (value, value, value)).save(buffer, "JPEG")
    return buffer.getvalue()


class Handler(SimpleHTTPRequestHandler):
    """Files of the server's folder, and what a camera sends: `/camera`, as the test goes on with it."""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/camera":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=b")
        self.end_headers()
        try:
            self.wfile.write(b"--b\r\n")
            for jpeg in self.server.frames():
                header = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                self.wfile.write(header + jpeg + b"\r\n--b\r\n")
        except OSError:  # nobody looks any more
            pass
        self.close_connection = True

    def log_message(self, *_) -> None:
        pass


class Server(ThreadingHTTPServer):
    frames: Callable[[], Iterator[bytes]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), lambda *args: Handler(*args, directory=str(tmp_path)))
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def address(server: Server, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}/{path}"


@pytest.fixture
def options(checkpoint, server: Server, tmp_path: Path) -> PredictOptions:
    return PredictOptions(
        image_path=address(server, "camera"),
        load_weights_folder=checkpoint(),
        no_cuda=True,
        output_dir=tmp_path / "out",
    )


def eventually(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + HANGS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def figures(text: str) -> tuple[int, int]:
    """How many frames were predicted, and how many dropped, by what was printed."""
    predicted = text.partition("frames predicted: ")[2].split()[0]
    return int(predicted), int(text.partition("while the network worked: ")[2].split()[0])


def write_video(path: Path, count: int) -> Path:
    pictures = [np.full((48, 80, 3), 10 * index, np.uint8) for index in range(count)]
    return write_clip(path, pictures, 25, options={})


def read_video(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_the_newest_frame_wins(server: Server) -> None:
    from monodepth2.files.streams import StreamReader
    from monodepth2.prediction.newest import NewestFrames

    go_on, end = threading.Event(), threading.Event()

    def frames() -> Iterator[bytes]:
        yield from (grey(10 * value) for value in range(8))
        go_on.wait(HANGS)
        yield from (grey(10 * value) for value in range(8, 12))
        end.wait(HANGS)

    server.frames = frames
    reader = StreamReader(address(server, "camera"), "camera")
    assert reader.is_live
    with NewestFrames(reader) as newest:
        taken = newest.frames(lambda: False)
        eventually(lambda: newest.dropped == 7)
        frame, came = next(taken)
        assert np.asarray(frame.picture()).mean() == pytest.approx(70, abs=3)
        assert came == 0
        go_on.set()
        eventually(lambda: newest.dropped == 10)
        frame, came = next(taken)
        assert np.asarray(frame.picture()).mean() == pytest.approx(110, abs=3)
        assert came > 0
        end.set()
        assert next(taken, None) is None
    assert newest.dropped == 10
    assert reader.broke_off


def test_a_stream_that_breaks_off_keeps_what_came(
    options: PredictOptions, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.frames = lambda: iter([grey(10 * value) for value in range(20)])
    assert predict(replace(options, outputs=("side_by_side", "disp_npy"))) == 1
    said = capsys.readouterr()
    assert "/camera: the stream broke off after" in said.err
    predicted, dropped = figures(said.out)
    assert predicted + dropped == 20
    arrays = sorted(path.name for path in (tmp_path / "out").glob("127.0.0.1_*_disp.npy"))
    assert [name.split("_")[2] for name in arrays] == [f"{index:06d}" for index in range(predicted)]
    (video,) = (tmp_path / "out").glob("127.0.0.1_*_side_by_side.mp4")
    joined = read_video(video)
    assert len(joined) == predicted
    assert joined[-1][:, :80].mean() == pytest.approx(190, abs=4)  # the last one is always predicted


@pytest.mark.parametrize("ending", ["mp4", "ts"])
def test_a_file_is_played_to_its_end(
    ending: str, options: PredictOptions, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(tmp_path / f"drive.{ending}", 15)
    assert predict(replace(options, image_path=address(server, f"drive.{ending}"), stabilise=True)) == 0
    said = capsys.readouterr()
    assert sum(figures(said.out)) == 15
    assert "broke off" not in said.err
    (video,) = (tmp_path / "out").iterdir()
    assert read_video(video)[-1][:, :80].mean() == pytest.approx(140, abs=4)


@pytest.mark.parametrize("ending", ["mp4", "ts"])
def test_a_file_is_played_at_its_own_speed(
    ending: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that goes on while the reader sleeps, and only then."""
    from monodepth2.files.streams import StreamReader

    slept: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr("monodepth2.files.streams.time", clock)
    write_video(tmp_path / f"drive.{ending}", 15)
    with StreamReader(address(server, f"drive.{ending}"), "drive") as reader:
        assert not reader.is_live
        assert [sum(slept) for _ in reader.decoded()] == pytest.approx([n / 25 for n in range(15)], abs=1e-3)


def endless(server: Server, interrupted: Callable[[], bool] = lambda: False) -> None:
    """Let the camera go on until nobody looks, and interrupt this process when it is time."""

    def frames() -> Iterator[bytes]:
        is_done = False
        for index in range(int(HANGS / 0.02)):
            if not is_done and interrupted():
                is_done = True
                os.kill(os.getpid(), signal.SIGINT)
            yield grey(index % 200)
            time.sleep(0.02)

    server.frames = frames


def test_a_live_page_alone_leaves_no_files(
    options: PredictOptions, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endless(server)
    assert predict(replace(options, live=0, seconds=0.7)) == 0
    said = capsys.readouterr().out
    assert "live: http://127.0.0.1:" in said
    assert figures(said)[0] > 0
    assert not list(tmp_path.iterdir())


def test_ctrl_c_ends_a_stream_and_keeps_its_video(options: PredictOptions, server: Server, tmp_path: Path) -> None:
    out = tmp_path / "out"
    endless(server, lambda: len(list(out.glob("*_disp.npy"))) > 2)
    flags = ("--load_weights_folder", options.load_weights_folder, "--output_dir", out, "--no_cuda")
    done = in_process("predict", "--image_path", options.image_path, *flags, "--outputs", "side_by_side", "disp_npy")
    assert done.returncode == 130
    assert "stopped by SIGINT" in done.stdout
    assert "broke off" not in done.stderr
    (video,) = out.glob("*.mp4")
    assert len(read_video(video)) == len(list(out.glob("*_disp.npy"))) == figures(done.stdout)[0]


def test_what_cannot_be_opened_is_told_in_a_sentence(options: PredictOptions, server: Server, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>a page</p>" * 99)
    (tmp_path / "a.jpg").write_bytes(grey(100))
    for stream, words in {
        address(server, "gone.mp4"): r"gone\.mp4: cannot be opened \(.*404.*\); check the address",
        address(server, "page.html"): r"page\.html: cannot be opened",
        address(server, "a.jpg"): r"a\.jpg: shows no video",
        "rtsp://me:secret@127.0.0.1:9/a?token=secret": r"^rtsp://127\.0\.0\.1:9/a: cannot be opened \(Connection",
        "http://me:secret@127.0.0.1[/a": "is no address",
        "ftp://secret@127.0.0.1/a": "streams are read from rtsp://, .* alone",
        "/dev/video987": "/dev/video987: there is no such camera; there ",
        "987": "/dev/video987: there is no such camera; there ",
    }.items():
        with pytest.raises(UserError, match=words) as caught:
            predict(replace(options, image_path=stream))
        assert "secret" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_server_that_does_not_answer_is_given_up(options: PredictOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monodepth2.files.streams.PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stream = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        with pytest.raises(UserError, match=r"cannot be opened \(no answer in 0\.5 seconds\); check"):
            predict(replace(options, image_path=stream))


def test_a_stream_that_falls_silent_is_given_up(
    options: PredictOptions, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    end = threading.Event()

    def frames() -> Iterator[bytes]:
        yield from (grey(10 * value) for value in range(20))
        end.wait(HANGS)

    server.frames = frames
    monkeypatch.setattr("monodepth2.files.streams.PATIENCE", 2)
    assert predict(options) == 1
    end.set()
    said = capsys.readouterr()
    assert "broke off after" in said.err
    assert "(no data came in time)" in said.err


def test_names_of_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named = find_input("rtsp://me:secret@camera.local:554/a//b/?x=http://c")
    assert named == Stream("rtsp://me:secret@camera.local:554/a//b/?x=http://c")  # unchanged, as no path would be
    assert named.name == "camera.local"
    Image.new("RGB", (8, 8)).save(tmp_path / "0", "PNG")
    assert not isinstance(find_input("0"), Stream)  # a file of this name is meant


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--output_pattern", "frame", "--outputs", "color"), "put {name} into it"),
        (("--batch_size", "8"), "--batch_size 8: of a stream one frame at a time"),
        (("--ext", "jpg"), "chooses among the pictures of a folder, and http://127.0.0.1:9/a is none"),
        (("--live", "70000"), "--live 70000: a port is a number from 0 to 65535"),
        (("--seconds", "0"), "--seconds 0.0: must be positive"),
        (("--live", "0", "--focal_length", "0.7"), "--focal_length changes nothing of side_by_side: add ply"),
    ],
)
def test_flags_that_do_not_fit_a_stream_are_refused(flags: tuple[str, ...], words: str) -> None:
    done = in_process("predict", "--image_path", "http://me:pw@127.0.0.1:9/a?b", "--load_weights_folder", "x", *flags)
    assert done.returncode == 2
    assert words in done.stderr
    assert "pw" not in done.stderr


@pytest.mark.parametrize("flags", [("--stabilise",), ("--live", "0"), ("--seconds", "2")])
def test_flags_of_streams_are_refused_for_pictures(flags: tuple[str, ...], tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    done = in_process("predict", "--image_path", tmp_path / "a.png", "--load_weights_folder", "x", *flags)
    assert done.returncode == 2
    assert f"error: {flags[0]} is for " in done.stderr
    assert f"and {tmp_path / 'a.png'} is none: drop {flags[0]}" in done.stderr


def test_an_address_of_the_command_line_stays_as_it_is() -> None:
    words = ["--image_path", "http://a//b/?c=http://d", "--load_weights_folder", "x"]
    assert parse_as(PredictOptions, words).image_path == "http://a//b/?c=http://d"


class Viewer:
    """Looks at a live page as a browser does."""

    def __init__(self, port: int, path: str = "/frames", host: str = "127.0.0.1") -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=HANGS)
        self.connection.request("GET", path, headers={"Host": f"{host}:{port}"})
        self.response = self.connection.getresponse()

    def picture(self) -> float | None:
        """The mean of the next picture; None at the end."""
        size = 0
        while line := self.response.readline():
            if line.startswith(b"Content-Length: "):
                size = int(line.split()[1])
            elif size and line == b"\r\n":
                return float(np.asarray(Image.open(io.BytesIO(self.response.read(size)))).mean())
        return None


def test_a_live_page_serves_several_viewers_of_this_machine() -> None:
    from monodepth2.prediction.live import LivePage

    with LivePage(0, name="<camera>", colours="magma") as page:
        port = int(page.address.split(":")[2].strip("/"))
        html = Viewer(port, "/").response.read().decode()
        assert "&lt;camera&gt;" in html
        assert 'src="frames"' in html
        assert Viewer(port, "/etc/passwd").response.status == 404
        assert Viewer(port, host="evil.example").response.status == 403
        page.show(np.full((48, 160, 3), 60, np.uint8))
        viewers = [Viewer(port), Viewer(port, host="localhost")]
        assert [viewer.picture() for viewer in viewers] == pytest.approx([60, 60], abs=2)
        page.show(np.full((48, 160, 3), 120, np.uint8))
        assert [viewer.picture() for viewer in viewers] == pytest.approx([120, 120], abs=2)
        viewers[0].connection.close()
        with pytest.raises(UserError, match=rf"--live {port}: this port cannot be used"):
            LivePage(port, name="", colours="")
    assert viewers[1].picture() is None
    with pytest.raises(ConnectionRefusedError):
        Viewer(port)
