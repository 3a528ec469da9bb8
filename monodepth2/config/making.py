"""The options of what makes its own pictures: the demo, and the rendered street."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from monodepth2.config.command_line import Positional
from monodepth2.config.declare import Checked, option
from monodepth2.errors import UserError

DEMO_FOLDER = Positional("folder", "FOLDER", "folder that receives the drive, the run and index.html")
STREET_FOLDER = Positional("output", "OUTPUT", "folder to make; it must be new or empty")


@dataclass(frozen=True)
class DemoOptions(Checked):
    """The settings of the demo.

    Raises:
        UserError: a value is out of range or a combination is impossible.
    """

    groups: ClassVar[dict[str, str]] = {"output": "where it goes", "training": "how much is rendered and trained"}

    folder: Path = option(Path("demo"), "output", "folder that receives the drive, the run and index.html")
    minutes: float = option(3.0, "training", "time to train, about; the speed of this machine is measured first")
    frames: int = option(60, "training", "frames of each drive")
    scratch: bool = option(
        False, "training", "begin with nothing, not with the small weights that come along; give it half an hour"
    )
    quick: bool = option(False, "training", "only show that everything runs: 12 frames of each drive, one epoch")
    seed: int = option(0, "training", "other seeds give other streets")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_positive("minutes")
        self.require_at_least(5, "frames")  # fewer make no full batch
        if self.quick and (self.is_given("minutes") or self.is_given("frames")):
            raise UserError("--quick says how long to train: drop it, or --minutes and --frames")


@dataclass(frozen=True)
class SyntheticOptions(Checked):
    """The settings of the rendered street.

    Raises:
        UserError: the folder is missing; numbers are checked where the street is made.
    """

    groups: ClassVar[dict[str, str]] = {"output": "where it goes", "street": "what is rendered"}

    output: Path | None = option(None, "output", "folder to make; it must be new or empty")
    drives: int = option(4, "street", "streets; the last is held out for tests")
    frames: int = option(90, "street", "stereo frames of each drive")
    width: int = option(620, "street", "of the pictures, in pixels")
    height: int = option(188, "street", "of the pictures, in pixels")
    seed: int = option(0, "street", "other seeds give other streets")
    png: bool = option(False, "street", "lossless pictures instead of KITTI's usual JPEG")
    path: str = option(
        "street",
        "street",
        "how the camera moves: a car on a winding street with traffic; the same straight ahead; or carried along by "
        "hand, swung to both sides, without traffic",
        choices=("street", "straight", "handheld"),
    )
    intrinsics: tuple[float, ...] = option(
        (0.58, 1.92, 0.5, 0.5),
        "street",
        "of the camera, as shares of the picture's width and height (default: KITTI's)",
        nargs=4,
        metavar=("FX", "FY", "CX", "CY"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output is None:
            raise UserError("OUTPUT is missing: name the folder to make")
