"""Motion that is known while training: from a drive's file of poses, brought to the samples and the network's unit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from monodepth2.config import Options
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.drive_notes import noted
from monodepth2.datasets.folders import Folders
from monodepth2.datasets.kitti_layouts import KittiOdometry
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.poses import TRACKED, poses_path, read_poses
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError, counted
from monodepth2.method.depth_maps import network_unit

MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])  # what is to the left lies to the right
ALIKE = 0.01  # of a focal length, and of the picture: how far two cameras may be apart


@dataclass(frozen=True)
class KnownPoses:
    """The known poses of a data set's drives: of their left cameras, `world_T_camera`, one per picture.

    Attributes:
        layout: of the data set.
        temporal_ids: the sources whose motion is asked for.
        unit: what a metre is in the network's unit.
        tracked: whether they are those that `prepare` has found by points; their own unit is the network's then.
    """

    layout: Layout
    temporal_ids: tuple[int, ...]
    unit: float
    tracked: bool = False
    _read: dict[Path, np.ndarray] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_options(cls, options: Options, layout: Layout) -> "KnownPoses | None":
        """What `--poses known` or `--poses tracked` asks for; None without them.

        Raises:
            UserError: metres have no meaning beside a rig of unknown baseline.
        """
        if not options.knows_motion:
            return None
        if options.poses == "tracked":
            return cls(layout, options.temporal_ids, 1.0, tracked=True)
        return cls(layout, options.temporal_ids, network_unit(options.use_stereo, layout.baseline))

    def check(self, lines: Sequence[SplitLine], frames: SampleFrames) -> str:
        """Check that the poses of all drives are there, and say how far neighbours are apart.

        Args:
            lines: of the run.
            frames: of its samples.

        Raises:
            UserError: a file is missing or unusable, or has another number of poses than its drive has pictures; or
                lines are of a right camera whose place is not known.
        """
        last: dict[str, int] = {}
        for line in lines:
            last[line.folder] = max(
                last.get(line.folder, 0), line.frame + max(frames.drawn(line)) * max(0, *self.temporal_ids)
            )
        flag, remedy = "--poses known", "write one pose per picture in KITTI's or TUM's format"
        if isinstance(self.layout, KittiOdometry):
            remedy = "download KITTI's poses, which sequences 00 to 10 have, leave other sequences out"
        if self.tracked:
            flag, remedy = "--poses tracked", "`monodepth2 prepare` writes it where points show how the camera moves"
        if missing := [path for folder in last if not (path := self._path(folder)).is_file()]:
            raise UserError(
                f"{flag}: {len(missing):,} of {len(last):,} drives have no file of poses, e.g. {missing[0]}; {remedy}, "
                "or drop the flag"
            )
        for folder, frame in last.items():
            self._check_count(folder, frame + 1)
        if self.tracked:
            self._check_cameras(last)
        if self.tracked and (right := next((line for line in lines if line.side == "r"), None)):
            raise UserError(f"{flag}: poses are the left camera's, '{right}' is of the right one: leave such lines out")
        if self.layout.baseline is None and (right := next((line for line in lines if line.side == "r"), None)):
            raise UserError(
                f"{flag}: poses are the left camera's, '{right}' is of the right one, and the baseline between "
                "them is unknown, or differs between drives; give --baseline METRES, or leave such lines out"
            )
        if self.tracked:
            told = f"--poses tracked: the motion of {counted(len(last), 'drive')} by points, in no known unit"
            drives = self.layout.drives() if isinstance(self.layout, Folders) else ()
            unknown = sum(not self._path(drive).is_file() for drive in drives)
            return f"{told}; {counted(unknown, 'drive')} without {TRACKED} left out" if unknown else told
        steps = [np.diff(self._poses(folder)[:, :3, 3], axis=0) for folder in last]
        metres = float(np.median(np.linalg.norm(np.concatenate(steps), axis=1)))
        return f"--poses known: neighbouring pictures are {metres:.3g} m apart (median of {len(last):,} drives)"

    def source_T_target(self, line: SplitLine, source: int) -> np.ndarray:
        """The motion of a line's camera from the target to a source, in the network's unit, float64, (4, 4)."""
        poses = self._poses(line.folder)
        motion = np.linalg.inv(poses[line.frame + source]) @ poses[line.frame]
        if line.side == "r":
            assert self.layout.baseline is not None
            right_T_left = np.eye(4)
            right_T_left[0, 3] = -self.layout.baseline
            motion = right_T_left @ motion @ np.linalg.inv(right_T_left)
        motion[:3, 3] *= self.unit
        return motion

    def _check_cameras(self, folders: Iterable[str]) -> None:
        """Refuse paths that were found with another camera than the run's; drives of old have no note of theirs."""
        for folder in folders:
            camera, taken = self.layout.camera(SplitLine(folder, 0, "l")), noted_camera(self.layout.root / folder)
            own = (camera.fx, camera.fy, camera.cx, camera.cy)
            if taken and not _are_alike(own, taken):
                raise UserError(
                    f"--poses tracked: the path of {self._path(folder)} was found with the camera {_words(taken)}, and "
                    f"this run takes {_words(own)} ({camera.source}): run `monodepth2 prepare` again with this camera, "
                    "--intrinsics FX FY CX CY of the whole frames and --overwrite, or train with the other one"
                )

    def _path(self, folder: str) -> Path:
        return poses_path(self.layout, folder, self.tracked)

    def _poses(self, folder: str) -> np.ndarray:
        path = self._path(folder)
        if path not in self._read:
            self._read[path] = read_poses(path)
        return self._read[path]

    def _check_count(self, folder: str, needed: int) -> None:
        known, path = len(self._poses(folder)), self._path(folder)
        pictures = len(self.layout.names(self.layout.root / folder)) if isinstance(self.layout, Folders) else None
        if known < needed or (pictures is not None and known != pictures):
            wanted = (
                f"its drive has {pictures} pictures" if pictures is not None else f"the lists go to frame {needed - 1}"
            )
            raise UserError(f"{path}: holds {known} poses, and {wanted}; one pose per picture is needed")


def noted_camera(drive: Path) -> tuple[float, ...] | None:
    """Return fx, fy, cx, cy that `prepare` has found a drive's path with, in sizes of its pictures; None: not noted.

    Raises:
        UserError: the drive's facts cannot be read.
    """
    camera = noted(drive, "camera")
    facts = camera if isinstance(camera, dict) else {}
    found = tuple(number for name in ("fx", "fy", "cx", "cy") if isinstance(number := facts.get(name), float))
    return found if len(found) == 4 else None


def _are_alike(own: Sequence[float], taken: Sequence[float]) -> bool:
    (*focals, cx, cy), (*taken_focals, taken_cx, taken_cy) = own, taken
    apart = [abs(one - other) / one for one, other in zip(focals, taken_focals, strict=True)]
    return max(*apart, abs(cx - taken_cx), abs(cy - taken_cy)) <= ALIKE


def _words(numbers: Sequence[float]) -> str:
    return " ".join(f"{name} {number:.4g}" for name, number in zip(("fx", "fy", "cx", "cy"), numbers, strict=True))


def mirrored_motion(source_T_target: np.ndarray) -> np.ndarray:
    """Return the motion that mirrored pictures show, (4, 4)."""
    return MIRROR @ source_T_target @ MIRROR
