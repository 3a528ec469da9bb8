"""What a run says of its cameras before the first step, and what it refuses."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from monodepth2.config import STEREO, started_as
from monodepth2.datasets.camera_choice import BY_FOV
from monodepth2.datasets.camera_files import CAMERA
from monodepth2.datasets.cameras import Camera
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError, counted
from monodepth2.files.fit import Fit, Size
from monodepth2.files.pictures import PictureError, picture_size

LARGEST_STRETCH = 1.1  # of pixels, and between a camera's own pictures and those that it is used for
LARGEST_SQUEEZE = 1.6  # of pictures, from their shape to the network's
MOST_NAMED = 4
PIXELS, SHAPE, INPUT, SHARED = TROUBLES = (
    "cameras whose pixels would not be square",
    "cameras of pictures of another shape",
    "pictures of another shape than the network's input",
    "one camera for pictures of several shapes",
)
RECTIFY = (
    "undistort and rectify the pictures of both cameras, e.g. with OpenCV's stereoRectify and initUndistortRectifyMap, "
    "and state their new camera in camera.json; or train without --use_stereo"
)
OF_PREPARED = "if you know it, run prepare again with --fov or --intrinsics, and with --overwrite"
OF_OWN = "if you know it, give --intrinsics or --fov, or lay a camera.json beside the pictures"


class View(NamedTuple):
    """A camera of a drive.

    Attributes:
        drive: its folder, for people.
        camera: that took its pictures.
        size: (width, height) of a picture; None where that cannot be read.
        side: of a rig, "l" or "r".
    """

    drive: str
    camera: Camera
    size: Size | None
    side: str = "l"


class Trouble(NamedTuple):
    """A camera that does not fit its pictures, or pictures that do not fit the network.

    Attributes:
        kind: one of `TROUBLES`.
        words: what is wrong, and what to do.
    """

    kind: str
    words: str


def views_of(layout: Layout, lines: Sequence[SplitLine], pairs: bool = False) -> list[View]:
    """Return the cameras of all drives; of each the header of one picture is read.

    Args:
        layout: of the data set.
        lines: whose cameras are asked for.
        pairs: whether those of the other sides count, too: samples show them, though no line may name them.

    Raises:
        UserError: a file that states a camera cannot be used.
    """
    firsts: dict[tuple[str, str], SplitLine] = {}
    for line in lines:
        firsts.setdefault((line.folder, line.side), line)
    for line in [line.other(STEREO) for line in firsts.values()] if pairs else []:
        firsts.setdefault((line.folder, line.side), line)
    return [
        View(drive_in_words(layout, line.folder), layout.camera(line), _size(layout, line), line.side)
        for line in firsts.values()
    ]


def drive_in_words(layout: Layout, folder: str) -> str:
    """A drive's folder, as the lines name it, for people; a data set of a single drive is called by its own."""
    return str(layout.root) if folder == "." else folder


def distinct_cameras(views: Sequence[View]) -> tuple[Camera, ...]:
    """Each camera of the drives once, in order."""
    return tuple(dict.fromkeys(view.camera for view in views))


def _size(layout: Layout, line: SplitLine) -> Size | None:
    try:
        return picture_size(layout.picture_path(line))
    except PictureError:  # the loader says so where the run meets it
        return None


def check_views(views: Sequence[View], fov: float | None = None, use_stereo: bool = False) -> None:
    """Refuse cameras that the method cannot follow.

    Args:
        views: the cameras of all drives, where the run takes pairs of both sides.
        fov: the width of the view that the user states for those that no file states.
        use_stereo: the run takes pairs, which `prepare` makes none of.

    Raises:
        UserError: one is distorted, or files state them all.
    """
    if fov and views and not any(view.camera.source.startswith(BY_FOV) for view in views):
        raise UserError(
            f"--fov {fov:g} changes nothing, as {views[0].drive} and all others have a camera of their own "
            f"({views[0].camera.source}): drop --fov, or give --intrinsics FX FY CX CY; data of prepare take another "
            "camera if prepare is run again with its flag and --overwrite"
        )
    prepare = f"`{started_as('prepare')} FOLDER --output NEW`"
    remedy = RECTIFY if use_stereo else f"{prepare} straightens the pictures of a folder and writes their new camera"
    for view in views:
        if view.camera.is_distorted:
            side = {"l": ", left", "r": ", right"}[view.side] if use_stereo else ""
            raise UserError(
                f"{view.drive}{side}: its camera is distorted ({view.camera.source}: k1 k2 p1 p2 k3 are "
                f"{' '.join(f'{value:g}' for value in view.camera.distortion)}), and training takes straight ones "
                f"only: {remedy}"
            )


def describe_cameras(views: Sequence[View]) -> str:
    """Name all cameras and their sources in one line."""
    groups: dict[Camera, list[View]] = defaultdict(list)
    for view in views:
        groups[_alike(view.camera)].append(view)
    shown = [_words(camera, members) for camera, members in groups.items()]
    more = f"; {counted(len(shown) - MOST_NAMED, 'more camera')}" if len(shown) > MOST_NAMED else ""
    return f"cameras: {'; '.join(shown[:MOST_NAMED])}{more}"


def _alike(camera: Camera) -> Camera:
    """The camera with its numbers as they are shown."""
    numbers = {name: round(getattr(camera, name), 3) for name in ("fx", "fy", "cx", "cy")}
    return replace(camera, size=None, **numbers)


def _words(camera: Camera, views: Sequence[View]) -> str:
    drives = len({view.drive for view in views})
    sizes = sorted({f"{view.size[0]}x{view.size[1]}" for view in views if view.size})
    sizes = [*sizes[:MOST_NAMED], counted(len(sizes) - MOST_NAMED, "more size")] if len(sizes) > MOST_NAMED else sizes
    shown = ", ".join(sizes) or "of unreadable pictures"
    centre = "" if (camera.cx, camera.cy) == (0.5, 0.5) else f" cx {camera.cx:g} cy {camera.cy:g}"
    remedy = OF_PREPARED if camera.source.startswith(CAMERA) else OF_OWN  # nobody else writes "assumed" there
    source = f"{camera.source}: {remedy}" if camera.is_assumed else camera.source
    return f"{counted(drives, 'drive')} {shown}, fx {camera.fx:g} fy {camera.fy:g}{centre} of the size ({source})"


def camera_remarks(views: Sequence[View], input_size: Size, fit: Fit) -> list[str]:
    """Return the most important of `camera_troubles` as warnings."""
    found = camera_troubles(views, input_size, fit)
    shown = [f"warning: {trouble.words}" for trouble in found[:MOST_NAMED]]
    return shown + ([f"warning: {len(found) - MOST_NAMED} more of this kind"] if len(found) > MOST_NAMED else [])


def camera_troubles(views: Sequence[View], input_size: Size, fit: Fit) -> list[Trouble]:
    """Return which cameras do not fit their pictures, and which pictures do not fit the network's input.

    Args:
        views: of all drives.
        input_size: (width, height) of the network's input.
        fit: how pictures come to it.
    """
    sized: dict[tuple[Camera, Size | None], View] = {}
    for view in views:
        if view.size:
            sized.setdefault((view.camera, view.size), view)
    shapes = {view.size: view for view in sized.values()}
    found: list[tuple[str, str | None]] = []
    for view in sized.values():
        found += [(PIXELS, _pixel_remark(view)), (SHAPE, _shape_remark(view))]
    found += [(INPUT, _fit_remark(view, input_size, fit)) for view in shapes.values()]
    found += [(SHARED, remark) for remark in _size_remarks(list(sized.values()))]
    return [Trouble(kind, words) for kind, words in found if words]


def _pixel_remark(view: View) -> str | None:
    """Pixels that are not square: nearly always a wrong camera."""
    assert view.size
    stretch = view.camera.stretch_of_pixels(view.size)
    if 1 / LARGEST_STRETCH <= stretch <= LARGEST_STRETCH:
        return None
    (width, height), camera = view.size, view.camera
    return (
        f"{view.drive}: in its pictures of {width}x{height} the focal lengths are {camera.fx * width:.0f} pixels "
        f"across and {camera.fy * height:.0f} down ({camera.source}), but cameras have square pixels: "
        "give its own with --intrinsics or a camera.json"
    )


def _shape_remark(view: View) -> str | None:
    """A camera that was measured at pictures of another shape."""
    if view.camera.size is None or view.size is None or _ratio(view.camera.size, view.size) <= LARGEST_STRETCH:
        return None
    (width, height), (own_width, own_height) = view.size, view.camera.size
    return (
        f"{view.drive}: its pictures are {width}x{height}, but its camera ({view.camera.source}) is of pictures of "
        f"{own_width}x{own_height}, another shape: state the camera of these pictures"
    )


def _fit_remark(view: View, input_size: Size, fit: Fit) -> str | None:
    """A network's input of another shape than the pictures."""
    assert view.size
    squeeze, (width, height), (own_width, own_height) = _ratio(view.size, input_size), input_size, view.size
    if squeeze <= LARGEST_SQUEEZE:
        return None
    swapped = (own_width > own_height) != (width > height) and width != height
    words = "are they swapped?" if swapped else "choose --height and --width of nearly the pictures' aspect ratio"
    if fit.kind == "crop":
        return (
            f"{view.drive}: --fit crop leaves {100 / squeeze:.0f} % of its pictures of {own_width}x{own_height} for an "
            f"input of {width}x{height}; {words}"
        )
    return (
        f"{view.drive}: the aspect ratio of its pictures is {own_width / own_height:.2f} ({own_width}x{own_height}), "
        f"that of --width {width} --height {height} is {width / height:.2f}; {words}"
    )


def _size_remarks(views: Sequence[View]) -> list[str]:
    """One camera for pictures of several shapes."""
    remarks = []
    for camera in dict.fromkeys(view.camera for view in views if view.camera.size is None):
        members = [view for view in views if view.camera == camera]
        other = next((view for view in members if _ratio(view.size, members[0].size) > LARGEST_STRETCH), None)
        if other and members[0].size and other.size:
            sizes = [f"{width}x{height}" for width, height in (members[0].size, other.size)]
            remarks.append(
                f"pictures of {sizes[0]} ({members[0].drive}) and {sizes[1]} ({other.drive}) share one camera "
                f"({camera.source}): lay a camera.json into each drive"
            )
    return remarks


def _ratio(size: Size | None, other: Size | None) -> float:
    """How many times wider one shape is than the other, 1 or more."""
    assert size
    assert other
    ratio = size[0] * other[1] / (size[1] * other[0])
    return max(ratio, 1 / ratio)
