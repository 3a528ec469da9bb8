"""Finding the pictures, the video or the stream to predict from."""

import os
import re
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

from monodepth2.errors import UserError, counted
from monodepth2.files.input_files import open_input
from monodepth2.files.picture_names import ENDINGS, is_mask
from monodepth2.files.picture_opening import FORMATS, LARGEST_FILE, PictureError, is_heif, is_own_output, open_picture

ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
SCHEMES = ("rtsp", "rtmp", "http", "https", "udp", "rtp", "tcp")  # of streams that are read
CAMERAS = 81  # Linux's number of the kind of devices that /dev/video0 is of
ONE_PICTURE = ("MPO",)  # photos whose further pictures are previews, or the same for other screens
NAMED = 5  # files that a remark names


@dataclass(frozen=True)
class Pictures:
    """Pictures to predict from.

    Attributes:
        paths: of the pictures, in order.
        folder: that they were found in; None for a single picture.
        protected: files that no output may overwrite.
        remarks: what the user should know of what is left out, a line each.
        largest: pixels of the largest picture.
    """

    paths: tuple[Path, ...]
    folder: Path | None
    protected: tuple[Path, ...]
    remarks: tuple[str, ...]
    largest: int


@dataclass(frozen=True)
class Video:
    """A file that is not a picture."""

    path: Path


@dataclass(frozen=True)
class Stream:
    """A camera's device, or the address of a stream, which is no path."""

    address: Path | str

    @property
    def name(self) -> str:
        """What files made of it are called: of a device its name, of a stream its host."""
        return self.address.name if isinstance(self.address, Path) else urlsplit(self.address).hostname or "stream"

    def __str__(self) -> str:
        """The address without what is nobody's business: user, password and query."""
        if isinstance(self.address, Path):
            return str(self.address)
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


Source = Pictures | Video | Stream


def find_input(name: Path | str, ext: str | None = None) -> Source:
    """Find out what there is to predict from.

    Args:
        name: a picture, a folder of pictures (its subfolders are not entered), a video, a camera's number or device, or
            the address of a stream.
        ext: take only pictures with this ending from a folder.

    Raises:
        UserError: there is nothing, or a single picture cannot be opened.
    """
    if address := ADDRESS.match(str(name)):
        return _stream(str(name), address[1].lower())
    path = Path(os.path.expanduser(name))
    if str(path).isdecimal() and not path.exists():
        path = Path(f"/dev/video{path}")
    mode = _mode(path)
    if stat.S_ISDIR(mode):
        return _find_pictures(path, ext)
    if sys.platform == "linux" and stat.S_ISCHR(mode) and os.major(path.stat().st_rdev) == CAMERAS:
        return Stream(path)
    if not stat.S_ISREG(mode):
        remedy = "give a file, a folder, a camera such as /dev/video0, or an address"
        raise UserError(f"--image_path {path}: is a device or a pipe, which is not read: {remedy}")
    if _is_video(path):
        return Video(path)
    with open_picture(path):  # refused before the network is loaded
        pass
    return _pictures((path,), None, (path,), ())


def _stream(address: str, scheme: str) -> Stream:
    if scheme not in SCHEMES:
        known = ", ".join(f"{one}://" for one in SCHEMES)
        raise UserError(f"--image_path {scheme}://...: streams are read from {known} alone")
    try:
        urlsplit(address)
    except ValueError as error:
        raise UserError(f"--image_path {scheme}://...: is no address ({error})") from error
    return Stream(address)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        if path.match("/dev/video*"):
            raise UserError(f"--image_path {path}: there is no such camera; {_cameras_here()}") from error
        where = " where this link leads" if path.is_symlink() else ""
        raise UserError(f"--image_path {path}: no such file or folder{where}") from error
    except OSError as error:
        raise UserError(f"--image_path {path}: cannot be read ({error.strerror})") from error


def _cameras_here() -> str:
    if found := sorted(Path("/dev").glob("video*")):
        return f"there are {', '.join(map(str, found))}"
    return (
        "there is none here" if sys.platform == "linux" else "cameras are read on Linux alone: give a stream's address"
    )


def _find_pictures(folder: Path, ext: str | None) -> Pictures:
    endings = ENDINGS if ext is None else (f".{ext.lower().lstrip('.')}",)
    try:  # what systems and programs put there begins with a dot
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        files = [path for path in entries if not path.is_dir()]
    except OSError as error:
        raise UserError(f"--image_path {folder}: cannot be read ({error.strerror})") from error
    known = [path for path in files if path.suffix.lower() in {*ENDINGS, *endings}]
    masks = [path for path in known if is_mask(path.name) and len(known) > 1]
    inputs = [path for path in known if path not in masks and not is_own_output(path)]
    chosen = [path for path in inputs if path.suffix.lower() in endings]
    own, others = len(known) - len(masks) - len(inputs), sorted({*files} - {*known} | {*inputs} - {*chosen})
    if not chosen:
        found = _holdings(own, others, len(entries) - len(files))
        raise UserError(f"--image_path {folder}: holds no pictures ({', '.join(endings)}){found}")
    remarks = [f"{counted(own, 'picture')} left out: predictions of an earlier run"] if own else []
    if masks:
        remarks.append(f"{_named(masks)} left out: it tells which parts of the other pictures never move")
    if others:
        remarks.append(f"{counted(len(others), 'file')} left out for their ending: {_named(others)}")
    return _pictures(chosen, folder, inputs, remarks)


def _pictures(
    paths: Sequence[Path], folder: Path | None, protected: Iterable[Path], remarks: Iterable[str]
) -> Pictures:
    seen = [_size_and_count(path) for path in paths]
    several = [path for path, (_, count) in zip(paths, seen, strict=True) if count > 1]
    if several:
        remarks = [*remarks, f"only the first of several pictures in a file is predicted: {_named(several)}"]
    return Pictures(tuple(paths), folder, tuple(protected), tuple(remarks), max(size for size, _ in seen))


def _size_and_count(path: Path) -> tuple[int, int]:
    """How many pixels a picture has, and how many pictures its file."""
    try:
        with open_picture(path) as picture:
            several = picture.format not in ONE_PICTURE
            return picture.width * picture.height, getattr(picture, "n_frames", 1) if several else 1
    except PictureError:  # what cannot be opened is for the prediction to report
        return 0, 1


def _holdings(own: int, others: Sequence[Path], folders: int) -> str:
    """What a folder without pictures holds instead."""
    own_ones = [f"{own} that were predicted"] if own else []
    files = [f"other files ({_named(others)})"] if others else []
    subfolders = [f"{counted(folders, 'subfolder')}, to be named each by itself"] if folders else []
    found = [*own_ones, *files, *subfolders]
    return f" but {' and '.join(found)}" if found else ""


def _named(paths: Sequence[Path]) -> str:
    more = len(paths) - NAMED
    return ", ".join(path.name for path in paths[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _is_video(path: Path) -> bool:
    """Whether a file moves, or is no picture at all. A HEIC photo is one, which reading it refuses."""
    try:
        with open_input(path, LARGEST_FILE) as file, Image.open(file, formats=FORMATS) as picture:
            return picture.format == "GIF" and bool(getattr(picture, "is_animated", False))
    except OSError:  # no picture, too large for one, or not to be opened at all
        return path.suffix.lower() not in ENDINGS and not is_heif(path)
    except Exception:  # a picture that reading it refuses; Pillow raises many kinds for bad bytes
        return False
