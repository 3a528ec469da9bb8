"""Finding the pictures or the video to predict from."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from monodepth2.errors import UserError
from monodepth2.files.input_files import open_input
from monodepth2.files.pictures import LARGEST_FILE
from monodepth2.prediction.outputs import is_own_output
from monodepth2.prediction.rgb import FORMATS

PICTURE_ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Pictures:
    """Pictures to predict from.

    Attributes:
        paths: of the pictures, in order.
        folder: that they were found in; None for a single picture.
        protected: files that no output may overwrite.
        own_outputs: how many pictures of the folder were written by an earlier prediction, and left out.
    """

    paths: tuple[Path, ...]
    folder: Path | None
    protected: tuple[Path, ...]
    own_outputs: int = 0


@dataclass(frozen=True)
class Video:
    """A file that is not a picture."""

    path: Path


def find_input(path: Path, ext: str | None = None) -> Pictures | Video:
    """Find out what there is to predict from.

    Args:
        path: a picture, a folder of pictures (its subfolders are not entered), or a video.
        ext: take only pictures with this ending from a folder.

    Raises:
        UserError: there is nothing.
    """
    path = path.expanduser()
    if path.is_dir():
        return _find_pictures(path, ext)
    if not path.is_file():
        raise UserError(f"--image_path {path}: no such file or folder")
    return Pictures((path,), None, (path,)) if _is_picture(path) else Video(path)


def _find_pictures(folder: Path, ext: str | None) -> Pictures:
    endings = PICTURE_ENDINGS if ext is None else (f".{ext.lower().lstrip('.')}",)
    known = {*PICTURE_ENDINGS, *endings}
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in known and path.is_file())
    except OSError as error:
        raise UserError(f"--image_path {folder}: cannot be read ({error.strerror})") from error
    files = [path for path in files if not path.name.startswith(".")]  # what systems and programs put there
    pictures = [path for path in files if not is_own_output(path)]
    chosen = tuple(path for path in pictures if path.suffix.lower() in endings)
    own = len(files) - len(pictures)
    if not chosen:
        left_out = f" but {own} that were predicted" if own else ""
        raise UserError(f"--image_path {folder}: holds no pictures ({', '.join(endings)}){left_out}")
    return Pictures(chosen, folder, tuple(pictures), own)


def _is_picture(path: Path) -> bool:
    if path.suffix.lower() in PICTURE_ENDINGS:
        return True
    try:
        with open_input(path, LARGEST_FILE) as file, Image.open(file, formats=FORMATS):
            return True
    except OSError:  # no picture, too large for one, or not to be opened at all
        return False
    except Exception:  # a picture that reading it refuses; Pillow raises many kinds for bad bytes
        return True
