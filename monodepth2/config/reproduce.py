"""The options of reproducing the paper's tables."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from monodepth2.config.command_line import Positional
from monodepth2.config.declare import Checked, check_device, option, same_as
from monodepth2.config.options import Options
from monodepth2.errors import UserError

LIST, ALL = "list", "all"
REPRODUCED = Positional(
    "rows", "ROW", "rows or whole tables by their names, all, or list, which shows the names: short for --rows ROW"
)


@dataclass(frozen=True)
class ReproduceOptions(Checked):
    """The settings of `monodepth2 reproduce`.

    Raises:
        UserError: no row is named, or a value is out of range.
    """

    groups: ClassVar[dict[str, str]] = {
        "paths": "where things are",
        "work": "what is done",
        "system": "where it runs",
    }

    data_path: Path = same_as(Options, "data_path", "root of KITTI raw")
    odom_path: Path = option(Path("kitti_odom"), "paths", "root of KITTI odometry, for its rows")
    make3d_path: Path = option(Path("make3d"), "paths", "root of Make3D, for its rows")
    published: Path | None = option(
        None, "paths", "folder that holds the published models by their names (default: they are fetched once)"
    )
    output: Path = option(Path("reproduction"), "paths", "folder that receives runs, scores and index.html")
    png: bool = same_as(Options, "png", group="paths")
    cache_dir: Path | None = same_as(Options, "cache_dir")
    pretrained_weights: Path | None = same_as(Options, "pretrained_weights", group="paths")

    rows: tuple[str, ...] = option((), "work", f"rows or tables by their names, {ALL}, or {LIST}")
    seeds: tuple[int, ...] = option((0,), "work", "seeds; each row is trained once with each")
    no_published: bool = option(False, "work", "leave the published weights out")
    dry_run: bool = option(False, "work", "only say what there is to do, and how long it takes")
    step_seconds: float | None = option(
        None, "work", "seconds of a training step of 12 pictures of 640x192, for --dry_run (default: one is measured)"
    )
    scale: str = option(
        "paper",
        "work",
        "the paper's trainings, or a rehearsal: a few steps on a small rendered street, whose figures mean nothing",
        choices=("paper", "tiny"),
    )

    device: str = same_as(Options, "device")
    no_cuda: bool = same_as(Options, "no_cuda")
    precision: str = same_as(Options, "precision")
    compile: bool = same_as(Options, "compile")
    num_workers: int = same_as(Options, "num_workers")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.rows:
            raise UserError("ROW is missing: name rows or tables, all, or list, which shows their names")
        self.require_positive("step_seconds")
        self.require_at_least(0, "num_workers")
        if not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds):
            raise UserError(f"--seeds {' '.join(map(str, self.seeds))}: give different numbers, none below 0")
        if self.published and self.no_published:
            raise UserError("--published names what --no_published leaves out: drop one of them")
        if self.step_seconds and not self.dry_run:
            raise UserError("--step_seconds is about --dry_run: add it, or drop --step_seconds")
        check_device(self.no_cuda, self.device)

    @property
    def folder(self) -> Path:
        """The folder that receives the work; a rehearsal has one of its own in it."""
        folder = self.output.expanduser()
        return folder / "tiny" if self.scale == "tiny" else folder
