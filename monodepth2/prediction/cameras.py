"""Whether pictures are like those of the checkpoint's camera, and which camera points are made with."""

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.datasets.cameras import KITTI_INTRINSICS, Camera
from monodepth2.files.fit import STRETCH, Size

MOST_STRETCH = 1.05  # of pixels: beyond it the camera is another picture's
MOST_NAMED = 3  # shapes
MOST_SQUEEZED = 1.2  # what `prepare` cuts of the usual shapes, for sides that are multiples of 32, is at most 1.13


def has_shape_of(camera: Camera, size: Size, most: float = MOST_STRETCH) -> bool:
    """Whether pictures of a size have the aspect ratio of the camera's, or one apart by less than the factor `most`."""
    return 1 / most < camera.stretch_of_pixels(size) < most


def unknown_shape(facts: TrainingFacts, size: Size) -> str | None:
    """Return a warning of pictures which a network sees squeezed in a way that it has not learnt from.

    Args:
        facts: of its training.
        size: of the pictures.
    """
    known = facts.distinct_cameras
    if (
        not known
        or facts.fit.kind != STRETCH.kind
        or any(has_shape_of(camera, size, MOST_SQUEEZED) for camera in known)
    ):
        return None
    width, height = size
    shapes = sorted({f"{camera.fy / camera.fx:.2f}" for camera in known})
    return (
        f"warning: pictures of {width} x {height} are {width / height:.2f} times as wide as high, and the network has "
        f"learnt from pictures that are {' or '.join(shapes[:MOST_NAMED])} times as wide: it sees these distorted. If "
        "those were cut (by `monodepth2 prepare`, for one), cut these in the same way first, e.g. with `ffmpeg -i "
        "VIDEO -vf crop=WIDTH:HEIGHT:LEFT:TOP OUTPUT`"
    )


def camera_of_points(focal_length: float | None, facts: TrainingFacts) -> tuple[Camera | float, str]:
    """Choose the camera: the given one, the checkpoint's own, or KITTI's.

    Args:
        focal_length: that the user gives, in widths of the picture; None where none is given.
        facts: what the checkpoint says of its training.

    Returns:
        The camera, or a focal length in widths of the picture, of square pixels around the centre; and a sentence.
    """
    if focal_length is not None:
        return focal_length, f"focal length {focal_length:g} of the width (given by --focal_length)"
    camera, cameras = facts.camera, facts.distinct_cameras
    if camera:
        numbers = f"fx {camera.fx:.4g} fy {camera.fy:.4g} cx {camera.cx:.4g} cy {camera.cy:.4g} of the size"
        whose = "camera" if len(cameras) == 1 else f"{len(cameras)} cameras, which are nearly the same"
        return camera, f"the pictures are taken to be of the checkpoint's {whose}, {numbers} ({camera.source})"
    why = f"was trained on {len(cameras)} different cameras" if cameras else "does not say its camera"
    focal = KITTI_INTRINSICS.fx
    taken = f"KITTI's focal length is taken, {focal:g} of the width; give --focal_length if you know it"
    return focal, f"the checkpoint {why}: {taken}"
