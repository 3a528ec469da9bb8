"""What a run says and keeps of the focal lengths that it learns."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from monodepth2.datasets.cameras import LEARNT, Camera
from monodepth2.errors import UserError
from monodepth2.files.output_paths import write_whole
from monodepth2.method.networks import LearntFocals

CAMERAS = "cameras.json"
SAME_FOCAL = 0.01  # share of a focal length
# a flag, and what to do where the factors that it takes are not for this run's cameras
LOADED = "--models_to_load intrinsics", "state the camera of that run, or leave intrinsics out of --models_to_load"
RESUMED = "--resume", "put the run's camera back, e.g. move a newer camera.json away, or begin anew with --overwrite"


def learnt_cameras(cameras: Sequence[Camera], focals: LearntFocals) -> tuple[Camera, ...]:
    """Return the cameras as they have been learnt; where nothing shows it, as they were."""
    return tuple(_learnt(camera, *values) for camera, values in zip(cameras, _values(focals), strict=True))


def other_cameras(loaded: Sequence[Camera], cameras: Sequence[Camera]) -> list[str]:
    """What to know where a run begins with networks that learnt a focal length, and has another one.

    Args:
        loaded: of the training that the networks come from.
        cameras: of the run.
    """
    learnt = [camera for camera in loaded if camera.source.startswith(LEARNT)]
    assumed = [camera for camera in cameras if camera.is_assumed]
    lost = [one for one in learnt if all(abs(one.fx / camera.fx - 1) > SAME_FOCAL for camera in cameras)]
    if not lost or not assumed:  # another camera may be stated: then the networks are for that one from now on
        return []
    numbers = " ".join(f"{getattr(lost[0], name):.4g}" for name in ("fx", "fy", "cx", "cy"))
    return [
        f"the networks that this run begins with learnt a focal length of {lost[0].fx:.3f} of the width, and this run "
        f"begins with {assumed[0].fx:.3f} ({assumed[0].source}): --intrinsics {numbers} "
        "keeps what was learnt, if it is the same camera"
    ]


def check_begun_alike(
    loaded: Sequence[Camera], cameras: Sequence[Camera], focals: LearntFocals, resumed: bool = False
) -> None:
    """Refuse loaded factors of focal lengths that this run's cameras do not begin with: they would count twice.

    Args:
        loaded: as the training has learnt them that the factors come from; none where that is unknown.
        cameras: that this run begins with.
        focals: with the loaded factors.
        resumed: whether they are the run's own, which goes on.

    Raises:
        UserError: there is such a camera.
    """
    flag, remedy = RESUMED if resumed else LOADED
    for before, camera, (factor, _) in zip(loaded, cameras, _values(focals), strict=False):
        begun = before.fx / factor
        if factor != 1 and abs(begun / camera.fx - 1) > SAME_FOCAL:
            raise UserError(
                f"{flag}: what is loaded was learnt from fx {begun:.3f} of the width on, and this run begins with "
                f"{camera.fx:.3f} ({camera.source}): {remedy}"
            )


def figures_of(cameras: Sequence[Camera], focals: LearntFocals) -> dict[str, float]:
    """Focal lengths in widths of the picture, and by what share they are uncertain, by TensorBoard tag."""
    figures: dict[str, float] = {}
    for n, (camera, (factor, error)) in enumerate(zip(cameras, _values(focals), strict=True)):
        figures |= {f"camera/{n}/focal_length": camera.fx * factor, f"camera/{n}/uncertainty": error}
    return figures


def write_cameras(folder: Path, cameras: Sequence[Camera], focals: LearntFocals, report: Callable[[str], None]) -> None:
    """Write `cameras.json`: each camera as it has been learnt, in widths and heights of the picture.

    `uncertainty` is a share of the focal length, `observable` says whether it was learnt at all, and `begun_at` is the
    camera at the start. A camera that is not observable stays as it was, and its uncertainty is null if nothing turned.
    Where it cannot be written, that is reported: the checkpoint has them, too.
    """
    values = [
        {
            **_learnt(camera, factor, error).to_plain(),
            "observable": factor != 1,
            "uncertainty": error if math.isfinite(error) else None,
            "begun_at": camera.to_plain(),
        }
        for camera, (factor, error) in zip(cameras, _values(focals), strict=True)
    ]
    try:
        write_whole(folder / CAMERAS, json.dumps(values, indent=2), synced=True)
    except UserError as error:
        report(str(error))


def sentences(cameras: Sequence[Camera], focals: LearntFocals) -> list[str]:
    """Say what has become of each camera."""
    early = (focals.steps < focals.first_steps).tolist()
    return [_sentence(n, camera, seen_rarely, *values) for n, (camera, seen_rarely, values) in
            enumerate(zip(cameras, early, _values(focals), strict=True), 1)]  # fmt: skip


def _values(focals: LearntFocals) -> Iterator[tuple[float, float]]:
    """Factor and uncertainty of each camera."""
    return zip(focals.log_factor.detach().exp().tolist(), focals.errors.tolist(), strict=True)


def _learnt(camera: Camera, factor: float, error: float) -> Camera:
    if factor == 1:
        return camera
    source = f"{LEARNT}, uncertain by {error:.0%}; begun at fx {camera.fx:.3g} ({camera.source})"
    return replace(camera, fx=camera.fx * factor, fy=camera.fy * factor, source=source)


def _sentence(number: int, camera: Camera, seen_rarely: bool, factor: float, error: float) -> str:
    start = f"camera {number} ({camera.source})"
    if factor == 1:
        why = "too few steps have shown several of its pictures" if seen_rarely else "it hardly turns in these pictures"
        return f"{start}: its focal length is not observable, as {why}; fx {camera.fx:.3f} of the width is kept"
    now = camera.fx * factor
    return f"{start}: fx {now:.3f} of the width was learnt, uncertain by {error:.0%}; it was {camera.fx:.3f}"
