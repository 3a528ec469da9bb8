"""The splits: what the recipes expand to (a frozen contract), a user's own lists, hostile lines, the command."""

import os
import shutil
import subprocess
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from monodepth2.config import EVALUATION_SPLITS, TRAINING_SPLITS
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.splits import (
    eigen_to_benchmark_positions,
    known_splits,
    main,
    parts_of,
    read_split,
    split_folder,
    splits_root,
)
from monodepth2.errors import UserError

CHECKOUT = Path(__file__).parents[2]
# split, part, number of lines, SHA-256 of the lines joined by newlines
CONTRACT = [
    ("benchmark", "train", 72084, "42ec083f8cd263ce"),
    ("benchmark", "val", 6060, "d99cdd8dd1a79a19"),
    ("benchmark", "test", 500, "8cc54b0fcd4cbfdd"),
    ("eigen", "test", 697, "eb9bb29c11aa559e"),
    ("eigen_benchmark", "test", 652, "0ad3e3d98bcde4ab"),
    ("eigen_full", "train", 45200, "8b55ebd33f36bcab"),
    ("eigen_full", "val", 1776, "988516e611d093c0"),
    ("eigen_zhou", "train", 39810, "a3befbb2e80775dd"),
    ("eigen_zhou", "val", 4424, "f8e82fd8f497344c"),
    ("eigen_zhou", "test", 697, "eb9bb29c11aa559e"),
    ("odom", "train", 36671, "892742989aca3d88"),
    ("odom", "val", 4075, "916cf35c9ed3d7ee"),
    ("odom", "test_09", 1590, "45d0e46d308e75d0"),
    ("odom", "test_10", 1200, "99f5556d91b92874"),
    ("odom_10", "test", 1200, "99f5556d91b92874"),
    ("odom_9", "test", 1590, "45d0e46d308e75d0"),
]


@cache
def texts(split: str, part: str) -> list[str]:
    return [str(line) for line in read_split(split, part)]


def digest(lines: list[str]) -> str:
    return sha256("\n".join(lines).encode()).hexdigest()[:16]


def list_file(folder: Path, *lines: str, part: str = "train") -> Path:
    path = folder / f"{part}_files.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.mark.parametrize(("split", "part", "count", "checksum"), CONTRACT)
def test_expanded_lines_are_a_contract(split: str, part: str, count: int, checksum: str):
    lines = texts(split, part)
    assert (len(lines), digest(lines)) == (count, checksum)
    assert len(set(lines)) == count


def test_contract_covers_every_split_and_every_option_has_one():
    assert [(split, part) for split in known_splits() for part in parts_of(split)] == [
        row[:2] for row in sorted(CONTRACT, key=lambda row: row[0])
    ]
    without_recipe = {*TRAINING_SPLITS, *EVALUATION_SPLITS} - set(known_splits())
    # whole sequences are listed by their poses or pictures, Make3D by its files
    assert without_recipe == {"make3d", *(f"odom_{n}" for n in range(22))} - {"odom_9", "odom_10"}
    assert set(known_splits()) <= {*TRAINING_SPLITS, *EVALUATION_SPLITS}


@pytest.mark.parametrize(
    ("split", "union"), [("eigen_zhou", 44234), ("eigen_full", 46976), ("odom", 40746), ("benchmark", 78144)]
)
def test_train_and_val_are_disjoint_and_nothing_is_lost(split: str, union: int):
    train, val = set(texts(split, "train")), set(texts(split, "val"))
    assert not train & val
    assert len(train | val) == union


def test_both_cameras_of_every_frame_are_listed():
    lines = [*read_split("eigen_zhou", "train"), *read_split("eigen_zhou", "val")]
    left = {(line.folder, line.frame) for line in lines if line.side == "l"}
    assert left == {(line.folder, line.frame) for line in lines if line.side == "r"}


def test_eigen_full_keeps_the_cameras_of_a_frame_together():
    train, val = ({(line.folder, line.frame) for line in read_split("eigen_full", part)} for part in ("train", "val"))
    assert not train & val
    assert len(val) == 1776 / 2


def test_drawn_validation_lines_are_those_of_smallest_hash():
    def key(text: str) -> bytes:
        return sha256(text.encode()).digest()

    assert max(map(key, texts("odom", "val"))) < min(map(key, texts("odom", "train")))


def test_training_drives_are_not_tested():
    tested = {line.folder for line in read_split("eigen", "test")}
    assert len(tested) == 28
    for split in ("eigen_zhou", "eigen_full"):
        for part in ("train", "val"):
            assert not tested & {line.folder for line in read_split(split, part)}


def test_eigen_test_is_in_canonical_order():
    lines = texts("eigen", "test")
    assert lines[:2] == [f"2011_09_26/2011_09_26_drive_0002_sync {frame} l" for frame in (69, 54)]
    assert lines[25] == "2011_09_26/2011_09_26_drive_0009_sync 0 l"
    assert lines[-2:] == [f"2011_10_03/2011_10_03_drive_0047_sync {frame} l" for frame in (448, 768)]


def test_eigen_benchmark_is_eigen_at_the_positions():
    positions, eigen = eigen_to_benchmark_positions(), texts("eigen", "test")
    assert len(positions) == 652
    assert digest([" ".join(map(str, positions))]) == "e8dd9ea20ea60489"
    assert texts("eigen_benchmark", "test") == [eigen[position] for position in positions]


def test_odometry_and_benchmark_lines():
    odom = [*read_split("odom", "train"), *read_split("odom", "val")]
    frames = sorted(line.frame for line in odom if line.folder == "4")
    assert frames == sorted([*range(2, 269)] * 2)
    assert {line.folder for line in odom} == set("012345678")
    assert texts("odom_9", "test") == [f"9 {frame} l" for frame in range(1590)]
    assert read_split("benchmark", "test")[499] == SplitLine("image", 499, "l")


@pytest.mark.parametrize("text", ["2011_09_26/drive 7 r", "9 0 l", "a/b..c 0000000012 l"])
def test_parse_reads_what_str_writes(text: str):
    line = SplitLine.parse(text)
    assert SplitLine.parse(str(line)) == line
    assert str(line).split()[::2] == text.split()[::2]
    assert line.frame == int(text.split()[1])


def test_a_line_without_side_is_the_left_camera():
    assert SplitLine.parse("image 3\r") == SplitLine("image", 3, "l")


@pytest.mark.parametrize(
    ("text", "part_of_message"),
    [
        ("/etc 1 l", "'/etc'"),
        ("\\\\server\\share 1 l", "relative"),
        ("C:/drives 1 l", "relative"),
        ("a/../../b 1 l", "'..'"),
        ("a\\..\\b 1 l", "'..'"),
        ("a\0b 1 l", "folder"),
        ("drive -1 l", "'-1'"),
        ("drive 1.5 l", "'1.5'"),
        ("drive \u0661 l", "frame"),
        ("drive 1_0 l", "frame"),
        ("drive " + "9" * 5000 + " l", "frame"),
        ("drive 1 x", "neither l nor r"),
        ("drive 1 4", "neither l nor r"),
        ("drive", "<folder> <frame>"),
        ("my drive l", "frame 'drive'"),
    ],
)
def test_hostile_lines_are_refused_with_file_and_line(tmp_path: Path, text: str, part_of_message: str):
    path = list_file(tmp_path, "drive 1 l", "", text)
    with pytest.raises(UserError) as error:
        read_split(str(tmp_path), "train")
    assert f"{path}, line 3: " in str(error.value)
    assert part_of_message in str(error.value)
    assert len(str(error.value)) < len(str(path)) + 300


@pytest.mark.parametrize(
    ("content", "size", "message"),
    [(b"", 0, "empty"), (b"\n \n", 3, "empty"), (b"\xff\xfe\x00", 3, "as text"), (b"", (64 << 20) + 1, "too many")],
)
def test_unusable_files_are_refused(tmp_path: Path, content: bytes, size: int, message: str):
    path = tmp_path / "val_files.txt"
    path.write_bytes(content)
    os.truncate(path, size)  # the rest are zeros, which take no place
    with pytest.raises(UserError, match=f"val_files.txt.*{message}"):
        read_split(str(tmp_path), "val")


def test_a_folder_is_a_split(tmp_path: Path):
    list_file(tmp_path, "b 2 r", "a 1 l")
    list_file(tmp_path, "c 3", part="test")
    assert read_split(str(tmp_path), "train") == [SplitLine("b", 2, "r"), SplitLine("a", 1, "l")]
    assert parts_of(str(tmp_path)) == ["train", "test"]
    assert split_folder(str(tmp_path)) == tmp_path
    assert split_folder("eigen") == CHECKOUT / "splits" / "eigen"


def test_what_is_missing_is_named(tmp_path: Path):
    list_file(tmp_path, "a 1 l")
    with pytest.raises(UserError, match=r"no part 'val' \(there are: train\).*val_files.txt"):
        read_split(str(tmp_path), "val")
    with pytest.raises(UserError, match=r"no part 'test' \(there are: train, val, test_09, test_10\)"):
        read_split("odom", "test")
    with pytest.raises(UserError, match=r"'eigen_zho'.*folder.*eigen_zhou"):
        read_split("eigen_zho", "train")


def test_recipes_of_an_installed_package_lie_inside_it(tmp_path: Path):
    package = tmp_path / "monodepth2"
    (tmp_path / "splits").mkdir()  # somebody else's
    assert splits_root(package) == package / "splits"
    (tmp_path / "splits" / "eigen").mkdir()
    (tmp_path / "splits" / "eigen" / "recipe.txt").touch()
    assert splits_root(package) == tmp_path / "splits"


COPIED = (
    *("errors", "files/__init__", "files/input_files", "files/output_paths", "files/text"),
    *("datasets/__init__", "datasets/splits", "datasets/split_lines"),
)


def copy_program(root: Path, splits: str) -> Path:
    """Copy what the command needs below `root`, the recipes to `root / splits`; return the latter."""
    for name in ("__init__", *COPIED):
        target = root / f"monodepth2/{name}.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / f"monodepth2/{name}.py", target)
    return Path(shutil.copytree(CHECKOUT / "splits", root / splits, ignore=shutil.ignore_patterns("*_files*")))


def run_program(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monodepth2.datasets.splits", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def rows(table: str) -> dict[tuple[str, str], tuple[int, str]]:
    words = [line.split(maxsplit=3) for line in table.splitlines()[1:]]
    return {(split, part): (int(count), origin) for split, part, count, origin in words}


@pytest.mark.parametrize("place", ["splits", "monodepth2/splits"])
def test_own_files_win_over_the_recipe(tmp_path: Path, place: str):
    splits = copy_program(tmp_path, place)
    own = list_file(splits / "eigen_zhou", "a 1 l", "a 2 l")
    list_file(splits / "eigen", "a 1 l", part="test")
    (splits / "odom" / "test_files_09.txt").write_text("9 0 l\n9 1 l\n9 2 l\n")
    listed = rows(run_program(tmp_path, "list").stdout)
    assert listed["eigen_zhou", "train"] == (2, str(own))
    assert listed["eigen_zhou", "val"][0] == 4424
    assert (listed["eigen", "test"][0], listed["eigen_zhou", "test"][0]) == (1, 1)
    assert listed["eigen_benchmark", "test"][0] == 652
    assert (listed["odom", "test_09"][0], listed["odom_9", "test"][0], listed["odom_10", "test"][0]) == (3, 3, 1200)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("69 54 42", "69 54", "test has 696 lines instead of 697"),
        ("69 54 42", "69 5x4 42", "'5x4' is neither a frame nor a range"),
        ("[test 697, sides l]", "[test 697, sides q]", "line 5: "),
    ],
)
def test_a_damaged_recipe_is_reported(tmp_path: Path, old: str, new: str, message: str):
    recipe = copy_program(tmp_path, "splits") / "eigen" / "recipe.txt"
    recipe.write_text(recipe.read_text().replace(old, new))
    result = run_program(tmp_path, "list")
    assert result.returncode == 2
    assert str(recipe) in result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_list_prints_every_part(capsys: pytest.CaptureFixture[str]):
    assert main(["list"]) == 0
    listed = rows(capsys.readouterr().out)
    assert {key: count for key, (count, _) in listed.items()} == {row[:2]: row[2] for row in CONTRACT}


@pytest.mark.parametrize("split", ["eigen_zhou", "benchmark"])
def test_written_lists_read_back(tmp_path: Path, split: str):
    assert main(["write", split, "--output", str(tmp_path / "new" / "lists")]) == 0
    for part in ("train", "val", "test"):
        assert read_split(str(tmp_path / "new" / "lists"), part) == read_split(split, part)


def test_write_replaces_other_content_only_by_force(tmp_path: Path):
    (own := tmp_path / "test_files_10.txt").write_text("10 0 l\n")
    command = ["write", "odom", "--output", str(tmp_path)]
    with pytest.raises(UserError, match=r"test_files_10.txt.*--force"):
        main(command)
    assert [path.name for path in tmp_path.iterdir()] == [own.name]
    assert own.read_text() == "10 0 l\n"
    assert main([*command, "--force"]) == 0
    assert own.read_text().splitlines() == texts("odom", "test_10")
    assert main(command) == 0  # the same content is no conflict


def test_write_needs_an_output_that_can_be_written(tmp_path: Path):
    with pytest.raises(SystemExit):
        main(["write", "eigen"])
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--output"):
        main(["write", "eigen", "--output", str(tmp_path / "file" / "below")])


def test_reading_splits_imports_nothing_heavy():
    code = "import sys, monodepth2.datasets.splits; sys.exit(bool({'numpy', 'torch', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT).returncode == 0
