"""What a run trains and validates on, checked, and the batches it makes of it."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.config import TRAINING_SPLITS, Options
from monodepth2.datasets.camera_report import check_views, describe_cameras, distinct_cameras, views_of
from monodepth2.datasets.cameras import Camera
from monodepth2.datasets.check import SampleFrames, calibration_remarks
from monodepth2.datasets.loading import Order, TimedBatches, load_batches, loader_processes
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.picture_cache import PictureCache
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.training_lines import TrainingLines, lists_in_words, own_split, training_lines
from monodepth2.doctor.start import start_remarks
from monodepth2.errors import UserError, counted
from monodepth2.files.output_paths import write_whole
from monodepth2.files.sixteen_bits import tell_white
from monodepth2.method.stages import Batch
from monodepth2.runtime.processes import Processes
from monodepth2.training.run_record import data_fingerprint

INCOMPLETE = "incomplete_lines.txt"


class TrainingData:
    """The training and the validation split of a run.

    Args:
        options: of the run.
        processes: that train together; the main one checks that all pictures are there.
        device: that the batches are for.
        is_new: whether the run begins here; flags without effect are refused then.

    Attributes:
        views: the cameras of the drives.
        train_set: samples to learn from.
        val_set: samples to look at.
        cache: of their pictures, None without.
        steps_per_epoch: full batches of all processes in the training split.
        workers: loader processes.
        validated: validation batches taken.

    Raises:
        UserError: a split or a picture is missing, or there is no full batch.
    """

    def __init__(self, options: Options, processes: Processes, device: torch.device, is_new: bool = True) -> None:
        _check_split(options)
        found = training_lines(options)
        layout, lines, self.skipped = found.layout, found.all, found.skipped
        _check_lists(options, found)
        if len(found.training) < options.batch_size * processes.world_size:
            several = "" if processes.alone else f" in each of {processes.world_size} processes"
            raise UserError(
                f"--batch_size {options.batch_size}{several} exceeds the {counted(len(found.training), 'line')} of "
                "the training list: no full batch can be made; give a smaller one, or more pictures"
            )
        frames = SampleFrames.from_options(options, layout)
        if processes.is_main:
            _check_pictures(frames, lines, options.run_folder / INCOMPLETE)
        self.baseline = layout.baseline
        if options.use_stereo:
            layout.check_rig()
        self.views = views_of(layout, lines)
        # a run that goes on keeps its flags
        fov = options.fov if is_new else None
        check_views(views_of(layout, lines, True) if options.use_stereo else self.views, fov, options.use_stereo)
        self.cache = PictureCache.from_options(options, frames, lines)
        self.learnt_cameras = distinct_cameras(self.views) if options.learn_intrinsics else ()
        self.train_set = MonoDataset.from_options(
            options, found.training, True, self.cache, cameras=self.learnt_cameras, frames=frames
        )
        self.val_set = replace(self.train_set, lines=found.validation, augment=False, crop=None)
        self.known = self.train_set.known.check(lines, frames) if processes.is_main else []
        self.options, self.device = options, device
        self.place = (processes.rank, processes.world_size)
        self.steps_per_epoch = len(found.training) // (options.batch_size * processes.world_size)
        self.workers = loader_processes(options.num_workers, device)
        self.validated = 0
        if processes.is_main:
            _tell_ranges(frames, lines)

    @property
    def digests(self) -> dict[str, str]:
        """Checksums of the lists of samples."""
        return {"the training split": _digest(self.train_set), "the validation split": _digest(self.val_set)}

    @property
    def fingerprint(self) -> str:
        """A checksum of the data set, see `data_fingerprint`."""
        return data_fingerprint(self.train_set.picture, len(self.train_set))

    @property
    def cameras(self) -> str:
        """The cameras and their sources in one line."""
        return describe_cameras(self.views)

    @property
    def distinct_cameras(self) -> tuple[Camera, ...]:
        """Each camera of the drives once."""
        return distinct_cameras(self.views)

    @property
    def remarks(self) -> list[str]:
        """What the user should know of the data: the first remark names the cameras, the others are warnings."""
        options, layout, lines = self.options, self.train_set.layout, (self.train_set.lines, self.val_set.lines)
        return [
            self.cameras,
            *(
                [f"--skip_incomplete: lines left out because a picture is missing: {len(self.skipped):,}"]
                if self.skipped
                else []
            ),
            *([f"lists of the data set itself: {lists}"] if (lists := own_split(options, layout)) else []),
            *([] if options.no_doctor else start_remarks(options, layout, *lines, self.views)),
            *calibration_remarks(layout, self.train_set.lines),
            *self.known,
        ]

    @property
    def facts(self) -> TrainingFacts:
        """What checkpoints keep of the data: depth range, baseline, fit and cameras."""
        facts = TrainingFacts.of(self.options)
        return replace(facts, baseline=self.baseline, cameras=self.distinct_cameras)

    def start(self, step: int) -> None:
        """Begin to make batches: for the steps from `step` on, and the validation batches after those already taken."""
        batch_size, epochs, seed = self.options.batch_size, self.options.num_epochs, self.options.seed
        order = Order(len(self.train_set), batch_size, epochs, seed, *self.place, first=step)
        self.train_batches = TimedBatches(load_batches(self.train_set, order, self.workers, self.device))
        val_order = Order(len(self.val_set), batch_size, None, seed + 1, *self.place, first=self.validated)
        self.val_batches = load_batches(self.val_set, val_order, min(1, self.workers), self.device)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` reads; which training samples come next follows from the step."""
        return {"validated": self.validated}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the validation batches where an earlier process ended; call it before `start`."""
        if state["validated"] < 0:
            raise ValueError("a negative number of validation batches")
        self.validated = state["validated"]

    def validation_batch(self) -> Batch:
        """Return the next batch of the validation split, which has no end."""
        self.validated += 1
        return next(self.val_batches)

    def close(self) -> None:
        """End the processes that make the batches."""
        self.train_batches.close()
        self.val_batches.close()


def _check_lists(options: Options, found: TrainingLines) -> None:
    """Refuse a list without lines, which `--skip_incomplete` may have left."""
    layout, skipped = found.layout, found.skipped
    empty = [name for name, lines in (("training", found.training), ("validation", found.validation)) if not lines]
    if not empty:
        return
    message = f"{lists_in_words(options, layout)}: no {empty[0]} line is left"
    if not skipped:
        raise UserError(f"{message}; mend {'train' if empty[0] == 'training' else 'val'}_files.txt")
    if SampleFrames(layout, (0,)).missing(skipped):  # then the neighbours are not the cause
        SampleFrames.from_options(options, layout).check(skipped)
    flag = "frame_gap" if options.frame_gap else "frame_ids"
    distances = " ".join(map(str, getattr(options, flag)))
    raise UserError(
        f"{message}, {len(skipped):,} lack a picture of their neighbours: give smaller numbers than --{flag} "
        f"{distances}, or longer drives"
    )


def _check_pictures(frames: SampleFrames, lines: Sequence[SplitLine], path: Path) -> None:
    """Check that all pictures are there; where some lines have theirs, those that lack some are listed in a file.

    Raises:
        UserError: some are missing.
    """
    try:
        frames.check(lines)
    except UserError as error:
        complete = set(frames.complete(lines))
        incomplete = [line for line in lines if line not in complete]
        if not complete:
            raise
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, "".join(f"{line}\n" for line in incomplete))
        raise UserError(
            f"{error}\n{len(incomplete):,} of {len(lines):,} lines lack a picture: all of them are in {path}; mend the "
            "lists, or add --skip_incomplete to train on the rest"
        ) from error


def _check_split(options: Options) -> None:
    """Refuse lists of odometry sequences with another layout, and other lists with odometry's layout."""
    if options.dataset == "folder":
        if options.split in TRAINING_SPLITS and not options.makes_split:
            raise UserError(
                f"--split {options.split} lists KITTI's frames, not those of --dataset folder: leave it out, or name a "
                "folder with your lists"
            )
        return
    if options.split not in TRAINING_SPLITS:
        return
    if options.split == "odom" and options.dataset != "kitti_odom":
        raise UserError(
            f"--split odom lists odometry sequences, not --dataset {options.dataset}: add --dataset kitti_odom"
        )
    if options.split != "odom" and options.dataset == "kitti_odom":
        raise UserError(
            f"--dataset kitti_odom has no --split {options.split}: add --split odom or a folder with your lists"
        )


def _tell_ranges(frames: SampleFrames, lines: Sequence[SplitLine]) -> None:
    """Report drives whose 16-bit pictures hold fewer bits; the loader processes find that out, too, but say nothing."""
    first: dict[Path, Path] = {}  # of each folder: the target, which is there
    for line in {(line.folder, line.side): line for line in lines}.values():
        for path in frames.paths(line):
            first.setdefault(path.parent, path)
    for path in first.values():
        tell_white(path)


def _digest(data_set: MonoDataset) -> str:
    lines = "\n".join(map(str, data_set.lines))
    return f"{len(data_set):,} lines of checksum {zlib.crc32(lines.encode()):08x}"
