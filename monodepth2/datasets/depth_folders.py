"""A folder of depth maps that somebody else made: which file belongs to which line of a split."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from monodepth2.datasets.depth_files import READERS
from monodepth2.datasets.folders import TRUTH
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.errors import UserError
from monodepth2.files.picture_names import picture_names

CAMERA_FOLDERS = {"l": ("image_02", "image_2"), "r": ("image_03", "image_3")}
_LAST_NUMBER = re.compile(r"(\d+)\D*$", re.ASCII)
_FIRST_TO_LAST = re.compile(r"\d(?:.*\d)?", re.ASCII | re.DOTALL)
_ONLY_NUMBER = re.compile(r"\D*(\d+)\D*", re.ASCII)


@dataclass
class DepthFolder:
    """Finds the depth map of a line by the name of its picture.

    A map lies in the folder itself, in the line's own folder below it (its whole path or its last part), in the
    camera's (`image_02`) below that, or where KITTI has it (`proj_depth/groundtruth/image_02`). It is called like the
    picture, or has other words before and after the numbers in its name (`cam2_07_depth.npy` for `cam2_07.jpg`); or
    else the last number in its name is the only one in the picture's: `depth_7.npy` for `0000000007.jpg`. Time stamps
    (`12.50.jpg`) hold two numbers, and a map that is called like another picture is that one's.
    """

    root: Path
    flag: ClassVar[str] = "--gt_path"
    _names: dict[Path, dict[str, list[Path]]] = field(default_factory=dict)
    _pictures: dict[Path, dict[str, list[str]]] = field(default_factory=dict)

    def find(self, lines: Sequence[SplitLine], picture: Callable[[SplitLine], Path]) -> list[Path | None]:
        """Return the file of each line, None where there is none.

        Args:
            lines: of the split.
            picture: the path of a line's picture.

        Raises:
            UserError: no line has a file, several files could be meant, or different lines would share one.
        """
        found = [self.find_one(line, picture(line)) for line in lines]
        if not any(found):
            stem = picture(lines[0]).stem
            raise UserError(
                f"{self.flag} {self.root}: has a depth map for none of the {len(lines):,} lines; for '{lines[0]}' "
                f"expected e.g. {self._usual(lines[0], picture(lines[0])) / stem}{next(iter(READERS))}"
            )
        owner: dict[Path, SplitLine] = {}
        for line, path in zip(lines, found, strict=True):
            if path and owner.setdefault(path, line) != line:
                raise UserError(
                    f"{self.flag} {self.root}: {path} would serve '{owner[path]}' and '{line}'; "
                    f"lay the maps of each drive and camera into a folder of their own"
                )
        return found

    def find_one(self, line: SplitLine, picture: Path) -> Path | None:
        """Return the file of a line, None where there is none.

        Args:
            line: of the split.
            picture: the path of its picture.

        Raises:
            UserError: several files could be meant.
        """
        for folder in self._folders(line, picture):
            paths = self._maps_of(self._list(folder), picture)
            if len(paths) > 1:
                raise UserError(f"{self.flag} {self.root}: {paths[0]} and {paths[1].name} could both be meant by "
                                f"'{line}'; keep one")  # fmt: skip
            if paths:
                return paths[0]
        return None

    def _maps_of(self, names: dict[str, list[Path]], picture: Path) -> list[Path]:
        """Of the maps of a folder those called like a picture; else with other words around its numbers; else with its
        number. The picture itself may lie there, too."""
        keys, only = [picture.stem, _numbers(picture.stem)], _ONLY_NUMBER.fullmatch(picture.stem)
        if only:
            keys.append(f"number {int(only[1])}")
        for key in keys:
            paths = [path for path in names.get(key, []) if path != picture and not self._is_of_another(path, picture)]
            if paths:
                return paths
        return []

    def _is_of_another(self, path: Path, picture: Path) -> bool:
        """Whether a map is called like another picture beside this one, and not like this one."""
        folder = picture.parent
        if path.stem == picture.stem:
            return False
        if folder not in self._pictures:
            pictures: dict[str, list[str]] = defaultdict(list)
            for name in picture_names(folder):
                pictures[Path(name).stem].append(name)
            self._pictures[folder] = pictures
        return any(folder / name != path for name in self._pictures[folder].get(path.stem, ()))

    def _usual(self, line: SplitLine, picture: Path) -> Path:
        """Where to look for a line's map if somebody asks."""
        return self.root / line.folder

    def _folders(self, line: SplitLine, picture: Path) -> Iterable[Path]:
        """Where the map of a line may lie, the likeliest first."""
        drives = dict.fromkeys((self.root / line.folder, self.root / Path(line.folder).name, self.root))
        cameras = CAMERA_FOLDERS[line.side]
        below = (*(f"proj_depth/groundtruth/{camera}" for camera in cameras), *cameras, "")
        return [drive / name for drive in drives for name in below]

    def _list(self, folder: Path) -> dict[str, list[Path]]:
        """The depth maps of a folder by their stems, by their numbers, and by the last of these; listed once."""
        if folder not in self._names:
            names: dict[str, list[Path]] = defaultdict(list)
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                if path.suffix.lower() in READERS and path.is_file():
                    names[path.stem].append(path)
                    names[_numbers(path.stem)].append(path)
                    names[f"number {_number(path.stem)}"].append(path)
            self._names[folder] = names
        return self._names[folder]


class DepthBeside(DepthFolder):
    """The same of a data set of plain folders: `depth/` beside the pictures, those of the right camera, too."""

    flag: ClassVar[str] = "--data_path"

    def _usual(self, line: SplitLine, picture: Path) -> Path:
        return picture.parent / TRUTH

    def _folders(self, line: SplitLine, picture: Path) -> Iterable[Path]:
        return [self._usual(line, picture)]


def _numbers(stem: str) -> str:
    """What lies between the first and the last digit of a name, both included, as a key."""
    match = _FIRST_TO_LAST.search(stem)
    return f"numbers {match[0] if match else stem}"


def _number(stem: str) -> int | None:
    match = _LAST_NUMBER.search(stem)
    return int(match[1]) if match else None
