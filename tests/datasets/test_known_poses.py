"""Motion that is known while training: the street's own poses warp its pictures into each other."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monodepth2.config import Options
from monodepth2.datasets.check import SampleFrames
from monodepth2.datasets.known_poses import KnownPoses, mirrored_motion
from monodepth2.datasets.layout_choice import layout_of
from monodepth2.datasets.mono_dataset import MonoDataset
from monodepth2.datasets.poses import read_poses
from monodepth2.datasets.samples import stack
from monodepth2.datasets.split_lines import SplitLine
from monodepth2.datasets.trajectories import scaled, write_poses, write_tum
from monodepth2.errors import UserError
from monodepth2.method.losses.photometric import Target
from monodepth2.method.model import MonodepthModel
from monodepth2.method.stages import Batch, Predictions
from monodepth2.method.view_synthesis import ViewSynthesis
from monodepth2.synthetic import camera, make_street, render
from monodepth2.synthetic.raycast import KITTI

WIDTH, HEIGHT, FIRST, FRAMES = 192, 64, 60, 3  # in a bend
TARGET = SplitLine(".", 1, "l")
BASELINE = 0.54


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures of the street by both cameras, with exact depth and poses."""
    folder = tmp_path_factory.mktemp("street")
    street = make_street(5, 90)
    for side, inner in (("l", folder), ("r", folder / "right")):
        (inner / "depth").mkdir(parents=True, exist_ok=True)
        for n in range(FRAMES):
            image, depth = render(street, FIRST + n, camera(WIDTH, HEIGHT, side))
            Image.fromarray(image).save(inner / f"{n}.png")
            np.save(inner / f"depth/{n}.npy", np.minimum(depth, 99.0))
    write_poses(folder / "poses.txt", np.array([street.pose(FIRST + n) for n in range(FRAMES)]))
    return folder


def options(folder: Path, **more: object) -> Options:
    values = {"dataset": "folder", "data_path": folder, "poses": "known", "baseline": BASELINE, **more}
    return Options(width=WIDTH, height=HEIGHT, intrinsics=KITTI, scales=(0,), depth_supervision=1.0, **values)


def sample(chosen: Options, side: str = "l", mirrored: bool = False) -> Batch:
    data_set = MonoDataset.from_options(chosen, [replace(TARGET, side=side)], augment=False)
    return stack([data_set.sample(0, mirrored)]).prepared(torch.device("cpu"))


def errors(batch: Batch, chosen: Options) -> tuple[float, float]:
    """Photometric errors of the better source, warped through the known depth and motion, and as it is."""
    assert batch.depth is not None
    near, far = 1 / chosen.min_depth, 1 / chosen.max_depth
    depth = torch.where(batch.depth > 0, batch.depth, chosen.max_depth)
    views = ViewSynthesis.from_options(chosen)(batch, Predictions({0: (1 / depth - far) / (near - far)}, {}))
    target = Target.of(batch.color[0][0].unsqueeze(1), False)
    sources = torch.stack([batch.color[source][0] for source in chosen.source_ids], 1)
    return tuple(target.photometric_error(pictures).amin(1).mean().item() for pictures in (views.warped[0], sources))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("side", ["l", "r"])
def test_true_poses_explain_the_pictures(side: str, mirrored: bool, drive: Path) -> None:
    chosen = options(drive)
    batch = sample(chosen, side, mirrored)
    warped, still = errors(batch, chosen)
    assert warped < 0.45 * still
    assert batch.source_T_target is not None
    turned = {source: mirrored_motion(motion[0].numpy()) for source, motion in batch.source_T_target.items()}
    other = {source: torch.from_numpy(motion).float()[None] for source, motion in turned.items()}
    assert errors(replace(batch, source_T_target=other), chosen)[0] > 1.1 * warped, "the other way round is worse"


def test_with_the_other_camera_motion_and_depth_are_in_units_of_its_baseline(drive: Path) -> None:
    chosen = options(drive, use_stereo=True)
    batch, alone = sample(chosen), sample(options(drive))
    warped, still = errors(batch, chosen)
    assert warped < 0.45 * still
    assert batch.source_T_target is not None
    assert alone.source_T_target is not None
    metres, units = (given.source_T_target[1][0, :3, 3] for given in (alone, batch))
    torch.testing.assert_close(units, metres * 0.1 / BASELINE)


def test_both_formats_give_the_same_motion_and_rows_of_a_batch_have_theirs(drive: Path, tmp_path: Path) -> None:
    batch = sample(options(drive))
    for path in drive.iterdir():
        if path.name != "poses.txt":
            (tmp_path / path.name).symlink_to(path)
    street = make_street(5, 90)
    write_tum(tmp_path / "poses.txt", np.array([street.pose(FIRST + n) for n in range(FRAMES)]), np.arange(3.0))
    other = sample(options(tmp_path))
    assert batch.source_T_target is not None
    assert other.source_T_target is not None
    for source in (-1, 1):
        torch.testing.assert_close(batch.source_T_target[source], other.source_T_target[source], rtol=0, atol=1e-5)
    two = stack([MonoDataset.from_options(options(drive), [TARGET], False).sample(0, which) for which in (False, True)])
    assert two.source_T_target is not None
    second = two.rows(slice(1, 2)).source_T_target
    assert second is not None
    assert torch.equal(second[1][0], two.source_T_target[1][1])
    assert len(two.tensors) == len(two.copy().tensors)
    assert any(tensor is two.source_T_target[1] for tensor in two.tensors)


def known_of(chosen: Options) -> tuple[KnownPoses, SampleFrames]:
    layout = layout_of(chosen)
    known = KnownPoses.from_options(chosen, layout)
    assert known is not None
    return known, SampleFrames.from_options(chosen, layout)


def test_the_check_says_how_far_neighbours_are_apart(drive: Path) -> None:
    chosen = options(drive)
    known, frames = known_of(chosen)
    street = make_street(5, 90)
    places = np.array([street.pose(FIRST + n)[:3, 3] for n in range(FRAMES)])
    metres = np.median(np.linalg.norm(np.diff(places, axis=0), axis=1))
    assert f"{metres:.3g} m apart" in known.check([TARGET], frames)


def test_tracked_poses_are_taken_in_their_own_unit_and_make_no_metres(drive: Path, tmp_path: Path) -> None:
    for path in drive.iterdir():
        if path.name != "poses.txt":
            (tmp_path / path.name).symlink_to(path)
    tracked = {"poses": "tracked", "depth_supervision": 0.0}
    chosen = replace(options(drive), data_path=tmp_path, **tracked)
    poses = read_poses(drive / "poses.txt")
    write_poses(tmp_path / "tracked_poses.txt", scaled(poses, 0.05))
    known, frames = known_of(chosen)
    assert known.check([TARGET], frames) == "--poses tracked: the motion of 1 drive by points, in no known unit"
    (tmp_path / "other").mkdir()
    (tmp_path / "other/1.png").symlink_to(next(drive.glob("*.png")))
    assert known.check([TARGET], frames).endswith("unit; 1 drive without tracked_poses.txt left out")
    motion = np.linalg.inv(poses[2]) @ poses[1]
    np.testing.assert_allclose(known.source_T_target(TARGET, 1), scaled(motion[None], 0.05)[0], atol=1e-8)
    assert not chosen.knows_metres
    assert "pose" not in MonodepthModel(chosen).networks
    (tmp_path / "tracked_poses.txt").unlink()
    with pytest.raises(UserError, match=r"--poses tracked: 1 of 1 drives .*tracked_poses\.txt; `monodepth2 prepare`"):
        known.check([TARGET], frames)


def test_a_path_goes_with_the_camera_that_it_was_found_with(drive: Path, tmp_path: Path) -> None:
    for path in drive.iterdir():
        (tmp_path / ("tracked_poses.txt" if path.name == "poses.txt" else path.name)).symlink_to(path)
    tracked = {"poses": "tracked", "depth_supervision": 0.0}
    noted = {"fx": 0.8, "fy": 1.4, "cx": 0.5, "cy": 0.5}

    def check(*numbers: float) -> str:
        chosen = replace(options(drive), data_path=tmp_path, intrinsics=numbers, **tracked)
        known, frames = known_of(chosen)
        return known.check([TARGET], frames)

    assert "motion of 1 drive" in check(1.2, 2.1, 0.5, 0.5), "no camera is noted"
    (tmp_path / "drive.json").write_text(json.dumps({"camera": {"source": "an older note"}}))
    assert "motion of 1 drive" in check(1.2, 2.1, 0.5, 0.5)
    (tmp_path / "drive.json").write_text(json.dumps({"camera": noted}))
    assert "motion of 1 drive" in check(0.804, 1.395, 0.505, 0.5)
    for other in ((1.2, 2.1, 0.5, 0.5), (0.8, 1.37, 0.5, 0.5), (0.8, 1.4, 0.5, 0.52)):
        with pytest.raises(UserError, match=r"with the camera fx 0\.8 fy 1\.4 .*`monodepth2 prepare` again"):
            check(*other)


@pytest.mark.parametrize(
    ("poses", "line", "more", "words"),
    [
        (None, TARGET, {}, "1 of 1 drives have no file of poses, e.g. .*poses.txt"),
        (2, TARGET, {}, "holds 2 poses, and its drive has 3 pictures"),
        (4, TARGET, {}, "holds 4 poses, and its drive has 3 pictures"),
        (3, replace(TARGET, side="r"), {"baseline": None}, "'. 1 r' is of the right one"),
    ],
)
def test_poses_that_cannot_be_used_are_refused(poses, line, more, words: str, drive: Path, tmp_path: Path) -> None:
    for path in drive.iterdir():
        if path.name != "poses.txt":
            (tmp_path / path.name).symlink_to(path)
    if poses:
        write_poses(tmp_path / "poses.txt", np.tile(np.eye(4), (poses, 1, 1)))
    chosen = options(tmp_path, **more)
    known, frames = known_of(chosen)
    with pytest.raises(UserError, match=words):
        known.check([line], frames)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"frame_ids": (0,), "use_stereo": True}, "--frame_ids 0 has none"),
        ({"pose_model_type": "posecnn"}, "which --pose_model_type needs"),
        ({"pose_model_input": "all"}, "which --pose_model_input needs"),
        ({"pose_encoder": "resnet10t"}, "which --pose_encoder needs"),
        ({"learn_intrinsics": True}, "which --learn_intrinsics needs"),
    ],
)
def test_flags_that_contradict_known_poses_are_refused(more: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Options(poses="known", **more)
    with pytest.raises(UserError, match=words):
        Options(poses="tracked", **more)


def test_flags_that_are_switched_off_contradict_nothing() -> None:
    """So that a line of the command can switch off what a file of flags has."""
    off = {"motion_warmup": 0, "velocity_weight": 0.0, "learn_intrinsics": False}
    assert Options(poses="known", **off).knows_motion


def test_sequences_without_poses_get_a_remedy_of_their_own(tmp_path: Path) -> None:
    chosen = Options(dataset="kitti_odom", data_path=tmp_path, poses="known")
    known, frames = known_of(chosen)
    with pytest.raises(UserError, match=r"poses/11.txt; download KITTI's poses, which sequences 00 to 10 have"):
        known.check([SplitLine("11", 1, "l")], frames)


@pytest.mark.parametrize("more", [{"use_stereo": True}, {"depth_supervision": 0.1}])
def test_metres_do_not_go_with_motion_in_an_unknown_unit(more: dict) -> None:
    with pytest.raises(UserError, match=f"--poses tracked has no known scale, and --{next(iter(more))}"):
        Options(poses="tracked", **more)
