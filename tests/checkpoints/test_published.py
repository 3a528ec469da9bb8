"""The published weights, fetched from a server of this machine: what arrives, and what is refused."""

import hashlib
import io
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from monodepth2.checkpoints import fetching, published
from monodepth2.checkpoints.named import resolve_reference, resolve_weights
from monodepth2.checkpoints.published import MD5_SUMS, cache_folder, published_model
from monodepth2.errors import UserError
from monodepth2.prediction.predictor import DepthPredictor
from trees import write_checkpoint

NAME = "mono_640x192"
CONTENTS = {f"{name}.pth": name.encode() * 50_000 for name in ("encoder", "depth", "pose_encoder", "pose")}


class Handler(BaseHTTPRequestHandler):
    """Serves the bytes that the test put into `server`, as its switches say."""

    server: Any

    def do_GET(self) -> None:
        server = self.server
        server.requests.append(self.path)
        content = server.files.get(self.path)
        if content is None:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        end, server.cut = server.cut or len(content), None
        self.wfile.write(content[: end // 2])
        server.go_on.wait(10)
        self.wfile.write(content[end // 2 : end])

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """What is served and what was asked for.

    Attributes:
        files: bytes by path.
        requests: path of each request.
        cut: where the next answer ends too early.
        go_on: answers stay in their middle while it is not set.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.cut: int | None = None
        self.go_on = threading.Event()
        self.go_on.set()
        self.base = f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, *_: object) -> None:
        """A client that leaves early is no news."""

    def offer(self, archive: bytes, name: str = NAME) -> dict[str, str]:
        """Serve an archive under a model's address; return the table of checksums."""
        self.files[f"/{name.replace('+', '%2B')}.zip"] = archive
        return {name: hashlib.md5(archive).hexdigest()}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.go_on.set()
        server.shutdown()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MONODEPTH2_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


def archive_of(members: dict[str | zipfile.ZipInfo, bytes]) -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def error_of(name: str, base: str, sums: dict[str, str]) -> str:
    """The one line that fetching a model ends with."""
    with pytest.raises(UserError) as caught:
        published_model(name, base, sums)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_is_fetched_once(server: Server, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sums = server.offer(archive_of(CONTENTS))
    folder = published_model(NAME, server.base, sums)
    assert folder == cache / NAME
    assert contents(folder) == CONTENTS
    assert [path.name for path in cache.iterdir()] == [NAME]
    notice = capsys.readouterr().err
    assert f"{server.base}{NAME}.zip" in notice
    assert "non-commercial" in notice
    assert published_model(NAME, server.base, sums) == folder
    assert len(server.requests) == 1
    assert capsys.readouterr().err == ""


def test_one_folder_around_the_files_is_taken_off_and_other_files_are_left_out(server: Server) -> None:
    inside = {f"{NAME}/{name}": content for name, content in CONTENTS.items()}
    extra = {f"{NAME}/": b"", f"{NAME}/adam.pth": b"a", "run.py": b"r", "a/b/pose.pth": b"p", "._encoder.pth": b"e"}
    folder = published_model(NAME, server.base, server.offer(archive_of({**extra, **inside})))
    assert contents(folder) == CONTENTS


def test_a_cut_download_leaves_nothing_and_can_be_repeated(server: Server, cache: Path) -> None:
    sums = server.offer(archive_of(CONTENTS))
    server.cut = 345_678
    message = error_of(NAME, server.base, sums)
    assert "345678 bytes read" in message
    assert "--load_weights_folder" in message
    assert list(cache.iterdir()) == []
    assert contents(published_model(NAME, server.base, sums)) == CONTENTS


def test_a_silent_server_counts_as_gone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS_OF_SILENCE", 0.1)
    sums = server.offer(archive_of(CONTENTS))
    server.go_on.clear()
    assert "timed out" in error_of(NAME, server.base, sums)


def test_a_server_that_sends_too_much_is_left(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = server.offer(archive_of(CONTENTS))
    monkeypatch.setattr(published, "LARGEST_ARCHIVE", len(archive_of(CONTENTS)) - 1)
    assert "too many for a model" in error_of(NAME, server.base, sums)
    assert list(cache.iterdir()) == []


def test_a_wrong_sum_removes_the_archive(server: Server, cache: Path) -> None:
    sums = server.offer(archive_of(CONTENTS))
    server.offer(other := archive_of({**CONTENTS, "pose.pth": b"other"}))
    message = error_of(NAME, server.base, sums)
    assert hashlib.md5(other).hexdigest() in message
    assert sums[NAME] in message
    assert "removed" in message
    assert list(cache.iterdir()) == []
    assert len(server.requests) == 1


def link(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def test_members_that_lead_out_are_left_in_the_archive(server: Server, cache: Path) -> None:
    ways = [*"../evil.pth /evil.pth folder/../../evil.pth ..\\evil.pth C:evil.pth ../".split(), link("evil.pth")]
    ways += ["a/../../pose.pth", "a\\..\\pose.pth"]
    archive = archive_of({**CONTENTS, **dict.fromkeys(ways, b"/etc/passwd")})
    assert contents(published_model(NAME, server.base, server.offer(archive))) == CONTENTS
    assert [path.name for path in cache.iterdir()] == [NAME]
    assert not list(cache.parent.rglob("*evil*"))


@pytest.mark.parametrize("name", ["../encoder.pth", "/encoder.pth"])
def test_weights_outside_of_the_archive_are_no_part_of_the_model(server: Server, cache: Path, name: str) -> None:
    archive = archive_of({**CONTENTS, name: b"evil"})
    assert "several models" in error_of(NAME, server.base, server.offer(archive))
    assert list(cache.iterdir()) == []


def test_a_link_among_the_weights_becomes_a_file(server: Server) -> None:
    members = {name: content for name, content in CONTENTS.items() if name != "pose.pth"}
    archive = archive_of({**members, link("pose.pth"): b"/etc/passwd"})
    folder = published_model(NAME, server.base, server.offer(archive))
    assert not (folder / "pose.pth").is_symlink()
    assert (folder / "pose.pth").read_bytes() == b"/etc/passwd"


def test_a_bomb_is_refused_before_it_is_unpacked(server: Server, cache: Path) -> None:
    archive = bytearray(archive_of(CONTENTS))
    entry = archive.index(b"PK\x01\x02")  # the first of the directory, that of encoder.pth
    archive[entry + 24 : entry + 28] = (3 << 30).to_bytes(4, "little")
    assert "too many for a model" in error_of(NAME, server.base, server.offer(bytes(archive)))
    assert not (cache / NAME).exists()


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (b"no archive at all", "not a readable archive"),
        (archive_of({"depth.pth": b"d", "pose.pth": b"p"}), "holds no encoder.pth"),
        (archive_of({"a/b/encoder.pth": b"e", "a/b/depth.pth": b"d"}), "holds no encoder.pth and no depth.pth"),
        (archive_of({"a/encoder.pth": b"e", "b/depth.pth": b"d"}), "several models"),
        (archive_of({**CONTENTS, "a/encoder.pth": b"e"}), "several models"),
        (archive_of(CONTENTS).replace(b"encoderencoder", b"encoderENCODER", 1), "not a readable archive"),
    ],
)
def test_archives_without_one_whole_model_are_refused(
    server: Server, cache: Path, archive: bytes, message: str
) -> None:
    assert message in error_of(NAME, server.base, server.offer(archive))
    assert not (cache / NAME).exists()
    assert not list(cache.glob(".*"))  # nothing half unpacked stays


def test_a_model_half_there_is_replaced(server: Server, cache: Path) -> None:
    sums = server.offer(archive_of(CONTENTS))
    for leftover in (cache / NAME, cache / f".{NAME}.abc/fresh"):
        leftover.mkdir(parents=True)
        (leftover / "encoder.pth").write_bytes(b"half")
    assert contents(published_model(NAME, server.base, sums)) == CONTENTS


@pytest.mark.slow(reason="starts two processes")
def test_processes_that_fetch_at_once_all_get_the_whole_model(server: Server, cache: Path) -> None:
    sums = server.offer(archive_of(CONTENTS))
    server.go_on.clear()
    call = f"published_model({NAME!r}, {server.base!r}, {sums!r})"
    program = f"from monodepth2.checkpoints.published import published_model\n{call}"
    running = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    while len(server.requests) < 2 and all(process.poll() is None for process in running):
        time.sleep(0.01)
    server.go_on.set()
    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert contents(cache / NAME) == CONTENTS
    assert [path.name for path in cache.iterdir()] == [NAME]


def test_a_model_that_another_process_put_there_meanwhile_stays(server: Server, cache: Path) -> None:
    sums = server.offer(archive_of(CONTENTS))
    server.go_on.clear()
    fetching = threading.Thread(target=published_model, args=(NAME, server.base, sums))
    fetching.start()
    while not server.requests:
        time.sleep(0.01)
    theirs = {"encoder.pth": b"theirs", "depth.pth": b"theirs"}
    (cache / NAME).mkdir()
    for name, content in theirs.items():
        (cache / NAME / name).write_bytes(content)
    server.go_on.set()
    fetching.join()
    assert contents(cache / NAME) == theirs


def test_a_plus_in_a_name_is_asked_for_as_percent_2b(server: Server) -> None:
    name = "mono+stereo_640x192"
    folder = published_model(name, server.base, server.offer(archive_of(CONTENTS), name))
    assert folder.name == name
    assert server.requests == ["/mono%2Bstereo_640x192.zip"]


def test_an_unknown_name_lists_the_nine() -> None:
    message = error_of("mono_640x129", "http://127.0.0.1/", MD5_SUMS)
    assert "did you mean mono_640x192?" in message
    assert len(MD5_SUMS) == 9
    assert all(name in message for name in MD5_SUMS)
    assert "did you mean" not in error_of("../../etc", "http://127.0.0.1/", MD5_SUMS)


def test_a_missing_archive_and_no_network_are_told_with_the_remedy(server: Server) -> None:
    base = server.base
    message = error_of(NAME, base, MD5_SUMS)
    assert f"{base}{NAME}.zip" in message
    assert "HTTP 404 Not Found" in message
    server.shutdown()
    server.server_close()
    message = error_of(NAME, base, MD5_SUMS)
    assert f"{base}{NAME}.zip" in message
    assert "refused" in message
    assert "--load_weights_folder" in message


def test_the_cache_lies_where_the_environment_says(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = server.offer(archive_of(CONTENTS))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MONODEPTH2_CACHE", "~/chosen")
    assert published_model(NAME, server.base, sums) == tmp_path / "chosen" / NAME
    monkeypatch.setenv("MONODEPTH2_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache_folder() == tmp_path / "caches/monodepth2"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / ".cache/monodepth2"


def test_a_cache_that_cannot_be_written_is_named(server: Server, cache: Path) -> None:
    sums = server.offer(archive_of(CONTENTS))
    cache.write_text("a file in the way")
    message = error_of(NAME, server.base, sums)
    assert str(cache) in message
    assert "MONODEPTH2_CACHE" in message
    assert server.requests == []


def test_words_stand_for_paths_or_published_models(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("encoder.pth", "depth.pth"):
        (cache / NAME).mkdir(parents=True, exist_ok=True)
        (cache / NAME / name).touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert resolve_weights(None, NAME) == cache / NAME
    assert resolve_weights(Path("~/runs"), None) == tmp_path / "runs"
    assert resolve_reference(NAME) == cache / NAME
    (tmp_path / NAME).mkdir()
    assert resolve_reference(NAME) == Path(NAME)  # what is there wins
    (tmp_path / "net.onnx").touch()
    assert resolve_reference("~/net.onnx") == tmp_path / "net.onnx"
    (tmp_path / "encoder.pth").touch()
    for word in ("encoder.pth", "runs/weights_19", "mono"):
        with pytest.raises(UserError, match=r"is no folder, no \.onnx file and no published model; .*mono_640x192"):
            resolve_reference(word)


def test_a_fetched_checkpoint_predicts_like_the_original(server: Server, tmp_path: Path) -> None:
    original = write_checkpoint(tmp_path / "weights")
    folder = published_model(NAME, server.base, server.offer(archive_of(contents(original))))
    assert {path.name for path in folder.iterdir()} == CONTENTS.keys()  # adam.pth is left out
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8))
    expected, found = (DepthPredictor.from_checkpoint(path, "cpu").predict(picture) for path in (original, folder))
    np.testing.assert_array_equal(found.disp, expected.disp)
