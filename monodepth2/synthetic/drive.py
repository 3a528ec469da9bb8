"""Writing synthetic drives as a KITTI raw tree, complete or not at all."""

import json
import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from monodepth2.config import available_cores
from monodepth2.datasets.trajectories import from_first, write_poses
from monodepth2.errors import UserError, first_line, shown
from monodepth2.files.input_files import read_json
from monodepth2.files.output_paths import check_replaceable, whole_folder
from monodepth2.synthetic.calibration_files import write_calibration
from monodepth2.synthetic.raycast import KITTI, Intrinsics, camera
from monodepth2.synthetic.render import lidar_scan, render
from monodepth2.synthetic.ripmap import atlas
from monodepth2.synthetic.street import PATHS, Street, make_street

DATE = "2019_10_27"
MARKER = "synthetic.json"
LARGEST_MARKER = 1 << 16
EDITION = 1  # of the pictures that a set of parameters stands for
LIMITS = {
    "drives": (2, 99),
    "frames_per_drive": (4, 10_000),
    "width": (64, 4096),
    "height": (32, 2048),
    "seed": (0, 2**31),
}
FLAGS = {"frames_per_drive": "--frames", "extension": "pictures", "edition": "edition"}  # others by their name


@dataclass(frozen=True)
class DriveSettings:
    """What a synthetic data set is made from; equal settings give equal files.

    Attributes:
        drives: streets.
        frames_per_drive: stereo frames of each.
        width: of the pictures, in pixels.
        height: likewise.
        seed: of the streets.
        extension: of the pictures.
        path: how the camera moves, one of PATHS.
        intrinsics: fx, fy, cx, cy of the camera in widths and heights of the picture.
    """

    drives: int = 4
    frames_per_drive: int = 90
    width: int = 620
    height: int = 188
    seed: int = 0
    extension: str = ".jpg"
    path: str = "street"
    intrinsics: Intrinsics = KITTI

    def __post_init__(self) -> None:
        """Refuse settings that cannot be rendered."""
        for name, (low, high) in LIMITS.items():
            if not low <= getattr(self, name) <= high:
                flag = FLAGS.get(name, f"--{name}")
                raise UserError(f"{flag} {getattr(self, name)}: must be from {low} to {high}")
        if self.extension not in (".jpg", ".png"):
            raise UserError(f"extension is {self.extension!r}; it must be .jpg or .png")
        if self.path not in PATHS:
            raise UserError(f"path is {self.path!r}; it must be one of {', '.join(PATHS)}")
        if not (min(self.intrinsics[:2]) > 0.1 and max(self.intrinsics) < 10 and min(self.intrinsics) > -1):
            raise UserError(
                f"intrinsics are {self.intrinsics}; they must be FX FY CX CY as shares of the picture's size"
            )

    def folder(self, drive: int) -> str:
        """The drive's folder under the root; the last drive is the held-out one."""
        return f"{DATE}/{DATE}_drive_{drive + 1:04d}_sync"

    def street(self, drive: int) -> Street:
        """The street of a drive, and the way through it."""
        return make_street(self.seed * 100 + drive, self.frames_per_drive, self.path)


def write_synthetic_drive(
    root: Path,
    settings: DriveSettings = DriveSettings(),
    *,
    progress: bool = False,
    processes: int | None = None,
) -> bool:
    """Render a data set: pictures of both cameras, scans, calibration, true depth and poses, and its split.

    Beside KITTI raw's files each drive has `proj_depth/groundtruth/image_02|03` (16-bit PNG, metres * 256, 0 for
    the sky) and `poses.txt` (world_T_camera2, the first frame's camera as world). `<root>/split` holds
    `train_files.txt`, `val_files.txt` and `test_files.txt`. The folder appears only once everything is in it.

    Args:
        root: the folder to make; it may exist if it is empty.
        settings: size, length and seed.
        progress: show a bar.
        processes: how many render at once; all cores by default, 1 stays in this process.

    Returns:
        False if the same data set was already there.

    Raises:
        UserError: the folder holds something else, is the one you are in, or cannot be written.
    """
    if _already_there(root, settings):
        return False
    check_replaceable(root)
    root = root.resolve()  # what a link names is made, not the link
    try:
        with whole_folder(root) as folder:
            _write_static_files(folder, settings)
            _write_frames(folder, settings, progress, processes or available_cores())
    except OSError as error:
        raise UserError(f"{root}: cannot write the synthetic data set ({error})") from error
    return True


def _already_there(root: Path, settings: DriveSettings) -> bool:
    if not root.exists():
        return False
    if not root.is_dir():
        raise UserError(f"{root} is a file; name a folder that does not exist yet")
    try:
        found = read_json(root / MARKER, LARGEST_MARKER)
    except FileNotFoundError:
        if any(root.iterdir()):
            raise UserError(f"{root} holds other files; name a folder that is empty or does not exist yet") from None
        return False
    except (OSError, ValueError) as error:
        raise UserError(f"{root / MARKER}: cannot be read ({first_line(error)}); name another folder") from error
    if found != description(settings):
        raise UserError(f"{root} holds another street{_differences(found, settings)}; remove it or name another folder")
    return True


def _differences(found: Any, settings: DriveSettings) -> str:
    """In what a street on the disk differs from the one that is asked for, in words."""
    if not isinstance(found, dict):
        return ""
    defaults = json.loads(json.dumps({"edition": EDITION, **asdict(DriveSettings())}))
    there, asked = ({**defaults, **values} for values in (found, description(settings)))
    words = [
        f"{FLAGS.get(name, f'--{name}')} {_word(there[name])} (asked for: {_word(value)})"
        for name, value in asked.items()
        if there[name] != value
    ]
    return f", made with {', '.join(words)}" if words else ""


def _word(value: Any) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if text.isprintable() and len(text) < 40 else shown(text)


def description(settings: DriveSettings) -> dict[str, object]:
    """The settings as JSON; data sets of before there were paths and cameras say nothing of them."""
    values = asdict(settings)
    later = {name: values.pop(name) for name in ("path", "intrinsics")}
    changed = {name: value for name, value in later.items() if value != getattr(DriveSettings, name)}
    return json.loads(json.dumps({"edition": EDITION, **values, **changed}))


def _write_static_files(root: Path, settings: DriveSettings) -> None:
    (root / MARKER).write_text(json.dumps(description(settings), indent=2) + "\n")
    for drive in range(settings.drives):
        folder = root / settings.folder(drive)
        for name in ("image_02/data", "image_03/data", "velodyne_points/data"):
            (folder / name).mkdir(parents=True)
        for number in (2, 3):
            (folder / f"proj_depth/groundtruth/image_{number:02d}").mkdir(parents=True)
        street = settings.street(drive)
        poses = np.stack([street.pose(frame) for frame in range(settings.frames_per_drive)])
        write_poses(folder / "poses.txt", from_first(poses))
    write_calibration(root / DATE, settings.width, settings.height, settings.intrinsics)
    (root / "split").mkdir()
    for name, lines in split_lines(settings).items():
        (root / f"split/{name}_files.txt").write_text("".join(f"{line}\n" for line in lines))


def split_lines(settings: DriveSettings) -> dict[str, list[str]]:
    """The split: every tenth frame of the training drives is for validation, the last drive's left camera for tests.

    Returns:
        lines `<folder> <frame> <l|r>` under "train", "val" and "test"; those of the first two have both neighbours.
    """
    usable = range(1, settings.frames_per_drive - 1)
    validation = set(usable[min(5, len(usable) - 1) :: 10])
    lines: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for drive in range(settings.drives - 1):
        for frame in usable:
            name = "val" if frame in validation else "train"
            lines[name] += [f"{settings.folder(drive)} {frame} {side}" for side in "lr"]
    held_out = settings.folder(settings.drives - 1)
    lines["test"] = [f"{held_out} {frame} l" for frame in range(settings.frames_per_drive)]
    return lines


def _write_frames(root: Path, settings: DriveSettings, progress: bool, processes: int) -> None:
    tasks = [
        (root, settings, drive, frame) for drive in range(settings.drives) for frame in range(settings.frames_per_drive)
    ]
    with tqdm(total=len(tasks), desc="rendering", unit="frame", disable=not progress) as bar:
        if processes == 1:
            for task in tasks:
                _write_frame(task)
                bar.update()
            atlas.cache_clear()  # 72 MB, and this process may have other work to do
            return
        # Spawned, because a caller may have threads (torch), which do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context, initializer=_ignore_interrupt) as pool:
            try:
                for _ in pool.map(_write_frame, tasks, chunksize=8):
                    bar.update()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _write_frame(task: tuple[Path, DriveSettings, int, int]) -> None:
    root, settings, drive, frame = task
    street = settings.street(drive)
    folder = root / settings.folder(drive)
    for number, side in ((2, "l"), (3, "r")):
        image, depth = render(street, frame, camera(settings.width, settings.height, side, settings.intrinsics))
        path = folder / f"image_{number:02d}/data/{frame:010d}{settings.extension}"
        Image.fromarray(image).save(path, quality=92, subsampling="4:2:0", compress_level=3)
        coded = np.where(depth < 255.9, depth * 256 + 0.5, 0).astype(np.uint16)
        truth = folder / f"proj_depth/groundtruth/image_{number:02d}/{frame:010d}.png"
        Image.fromarray(coded).save(truth, compress_level=1)
    lidar_scan(street, frame).tofile(folder / f"velodyne_points/data/{frame:010d}.bin")
