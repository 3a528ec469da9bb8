"""The focal length of phones and action cameras, from what their files say of themselves.

Focal lengths are those of 35 mm film, as makers state them for the main camera of photos; nobody has measured them
here. Videos are cut from the middle of what photos show, so that they have longer ones.
"""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from monodepth2.errors import shown
from monodepth2.files.fit import Size

FILM_DIAGONAL = 43.27  # millimetres
VIDEO_CROP = 1.1  # how much narrower a phone's video is than its photo: what steadies the picture takes it
LIKELY_FILM = (8.0, 300.0)
# names as files have them, and the focal length in millimetres of 35 mm film
DEVICES = (
    (r"iphone (?:14 pro|15|16)", 24.0),
    (r"iphone (?:11|12|13|14|se)", 26.0),
    (r"iphone (?:6|7|8|x)", 28.0),
    (r"pixel (?:[2-5]|6|7|8|9)", 26.0),
    (r"(?:galaxy|sm-[gs])", 25.0),
    (r"(?:redmi|xiaomi|poco|oneplus|huawei)", 25.0),
)
WIDE_LENSES = r"gopro|hero ?\d|insta360|dji osmo|osmo action|\bhd\d\.\d"  # bent lines, unless recorded as linear


class TaggedView(NamedTuple):
    """What a file says of its camera's view.

    Attributes:
        focal: in widths of the upright picture.
        words: where it comes from, for people.
    """

    focal: float
    words: str


def view_of_tags(tags: Mapping[str, str], size: Size, is_video: bool) -> TaggedView | None:
    """Return the view that a file's tags state, None where they state none.

    Args:
        tags: of a video or a picture, names in lower case.
        size: (width, height) of the upright pictures.
        is_video: whether these are frames of a video, and not photos.
    """
    for name, value in tags.items():
        if re.search(r"35.?mm", name) and (film := _number(value)):
            return TaggedView(_in_widths(film, size), f"focal length of {film:g} mm (35 mm film) in the file's tags")
    device = _device(tags)
    for pattern, film in DEVICES:
        if re.search(pattern, device, re.IGNORECASE):
            long = film * VIDEO_CROP if is_video else film
            return TaggedView(
                _in_widths(long, size), f"about {long:.0f} mm (35 mm film), as the main camera of a {shown(device)}"
            )
    return None


def is_wide_lens(tags: Mapping[str, str]) -> bool:
    """Whether a file comes from an action camera, whose lens bends straight lines."""
    return any(re.search(WIDE_LENSES, value, re.IGNORECASE) for value in tags.values())


def _device(tags: Mapping[str, str]) -> str:
    """Make and model, as Apple, Android and EXIF name them."""
    parts = [tags[name] for end in ("make", "manufacturer", "model") for name in tags if re.search(rf"\b{end}$", name)]
    return " ".join(dict.fromkeys(parts))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if LIKELY_FILM[0] <= value <= LIKELY_FILM[1] else None


def _in_widths(film: float, size: Size) -> float:
    """A focal length of 35 mm film in widths of the picture: both are compared by their diagonals."""
    return film / FILM_DIAGONAL * math.hypot(*size) / size[0]
