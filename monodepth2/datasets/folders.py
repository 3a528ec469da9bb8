"""Drives that are plain folders of pictures.

A drive is a folder of pictures, in the natural order of their names: `2.png` before `10.png`. A data set is one drive,
or a folder of drives at any depth. Beside a drive's pictures may lie:

    camera.json          its camera, see `camera_files`; "baseline" states the metres between the two of a rig
    mask.png             black where every picture is to be left out: the bonnet, a logo
    masks/<name>.png     the same of single pictures; the picture's ending may stay in the name, as in 12.jpg.png
    right/<name>.*       the pictures of the right camera of a rig

A line of a split is `<folder> <n> <l|r>`: the picture at place n of the drive, from 0 on.

    python -m monodepth2.datasets.folders DATA --output FOLDER     writes the split that training would make
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from monodepth2.datasets.camera_choice import Place
from monodepth2.datasets.layouts import Layout
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError, run_script
from monodepth2.files.picture_names import ENDINGS, MASK, check_mask_name, frame_names, natural_key
from monodepth2.files.picture_opening import is_own_output

RIGHT, MASKS, TRUTH = "right", "masks", "depth"  # in a drive's folder
# folders that belong to a drive, "proj_depth" as KITTI has it, "predictions" as `predict` makes it beside pictures
NO_DRIVES = (RIGHT, MASKS, TRUTH, "proj_depth", "predictions")
SPLITS = "splits"  # a folder of a data set that may hold its lists
MOST_FOLDERS = 1 << 17


@dataclass(frozen=True)
class Folders(Layout):
    """One drive, or a folder of drives."""

    depth_remedy: ClassVar[str] = "lay a map of each picture, called like it, into depth/ beside the pictures"
    standard_baseline: ClassVar[float | None] = None

    _names: dict[Path, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)
    _masks: dict[Path, dict[str, str]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def has_second_camera(self) -> bool:  # type: ignore[override]
        """Whether a drive has pictures of the right camera."""
        return any((self.root / drive / RIGHT).is_dir() for drive in self._drives_of_run())

    def drives(self) -> list[str]:
        """The folders that hold pictures, relative to the root, in natural order.

        Raises:
            UserError: there are none.
        """
        found = [folder for folder in walk(self.root) if self.names(folder) and not self._is_predicted(folder)]
        if not found:
            endings = " ".join(ENDINGS)
            raise UserError(f"--data_path {self.root}: no folder in it holds pictures ({endings}, in any case)")
        return sorted((folder.relative_to(self.root).as_posix() for folder in found), key=natural_key)

    def _is_predicted(self, folder: Path) -> bool:
        """Whether a folder's pictures are such as predictions write: nobody wants to learn from these."""
        return all(is_own_output(folder / name) for name in self.names(folder))

    def names(self, folder: Path) -> tuple[str, ...]:
        """The names of a folder's pictures in natural order; none where there is no such folder.

        Raises:
            PictureError: a mask lies there under a name that nothing reads.
        """
        if not self._names.get(folder):
            check_mask_name(folder)
            self._names[folder] = frame_names(folder)
        return self._names[folder]

    def picture_path(self, line: SplitLine) -> Path:
        """The picture of the line. Beyond the drive's ends the path's last part says so, and is no file."""
        folder, n = self.root / line.folder, line.frame
        names = self.names(folder)
        name = names[n] if 0 <= n < len(names) else f"picture {n} of {len(names)}"
        if line.side == "l":
            return folder / name
        return folder / RIGHT / self._same_stem(folder / RIGHT, name)

    def _same_stem(self, folder: Path, name: str) -> str:
        """The name of the right camera's picture: the left one's, but for the ending."""
        names = self.names(folder)
        return name if name in names else next((one for one in names if Path(one).stem == Path(name).stem), name)

    def place(self, line: SplitLine) -> Place:
        """Where the line's pictures lie; nothing but a file tells their camera."""
        return Place(self.picture_path(line).parent, self.root)

    def mask_path(self, line: SplitLine) -> Path | None:
        """The mask of the line's picture: its own, else its drive's; None where there is none."""
        picture = self.picture_path(line)
        masks = self._masks_of(picture.parent)
        own = next((masks[name] for name in _mask_names(picture.name) if name in masks), None)
        if own:
            return picture.parent / MASKS / own
        of_drive = picture.parent / MASK
        return of_drive if of_drive.is_file() else None

    def _masks_of(self, folder: Path) -> dict[str, str]:
        """The files in a folder's `masks/` by their names with endings in small letters."""
        if folder not in self._masks:
            names = [Path(name) for name in _listed(folder / MASKS) if name[0] != "."]
            self._masks[folder] = {name.stem + name.suffix.lower(): name.name for name in names}
        return self._masks[folder]

    def stray_masks(self, folder: Path) -> list[Path]:
        """The files in the `masks/` of a folder of pictures that belong to none of them."""
        taken = {mask for name in self.names(folder) for mask in _mask_names(name)}
        return [folder / MASKS / name for mask, name in self._masks_of(folder).items() if mask not in taken]

    @property
    def has_masks(self) -> bool:
        """Whether a drive has masks."""
        folders = [self.root / drive / camera for drive in self._drives_of_run() for camera in (".", RIGHT)]
        return any((folder / MASKS).is_dir() or (folder / MASK).is_file() for folder in folders)

    def _camera_folders(self) -> list[Path]:
        return [self.root / drive for drive in self._drives_of_run()]

    def _drives_of_run(self) -> Sequence[str]:
        """The drives that the run's lines name; all where none are known."""
        return self.folders or self.drives()


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:  # most have none
        return []


def _mask_names(picture: str) -> tuple[str, str]:
    """What the mask of a picture may be called: as COLMAP calls it, the picture's ending may stay."""
    return f"{Path(picture).stem}.png", f"{picture}.png"


def walk(root: Path) -> Iterator[Path]:
    """The folders of a data set, without those that belong to drives, and without hidden ones.

    Links are followed at last, and only to folders that have not been met: a drive keeps its own name. One that leads
    to a folder around the data set is left alone.
    """
    met: set[tuple[int, int]] = set()
    starts = [root]
    while starts:
        links: list[Path] = []
        for start in starts:
            for folder, inner, _ in os.walk(start):
                facts = os.stat(folder)
                if (facts.st_dev, facts.st_ino) in met:
                    inner.clear()
                    continue
                met.add((facts.st_dev, facts.st_ino))
                if len(met) > MOST_FOLDERS:
                    raise UserError(f"{root}: holds more than {MOST_FOLDERS:,} folders; name the one of the drives")
                inner[:] = [name for name in inner if name not in NO_DRIVES and name[0] != "."]
                links += [path for name in inner if (path := Path(folder, name)).is_symlink()]
                yield Path(folder)
        starts = sorted(link for link in links if not root.resolve().is_relative_to(link.resolve()))


if __name__ == "__main__":
    from monodepth2.datasets.made_lists import main

    run_script(main)
