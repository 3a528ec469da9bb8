"""Every reader of files: how to make a good file for it, and how it is read.

`read` also checks that what comes out is plausible. A damaged file may be accepted where the damage cannot be seen (a
pixel of another colour), but nothing impossible may come out of it.
"""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
import torch
from PIL import Image
from scipy.io import savemat
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from monodepth2 import __version__
from monodepth2.checkpoints.folder import read_manifest, write_folder
from monodepth2.checkpoints.kinds import input_size
from monodepth2.checkpoints.networks import load_state
from monodepth2.checkpoints.optimizer import load_optimizer
from monodepth2.checkpoints.published import WEIGHT_FILES, unpack_model
from monodepth2.checkpoints.records import trained_options
from monodepth2.checkpoints.shared import CONFIG, read_shared, write_shared
from monodepth2.checkpoints.shared import read_config as read_shared_config
from monodepth2.config import Options
from monodepth2.config.config_file import config_text, read_config
from monodepth2.datasets import calibration, splits
from monodepth2.datasets.camera_files import READERS as CAMERA_READERS
from monodepth2.datasets.depth_files import read_depth_map
from monodepth2.datasets.ground_truth import read_ground_truth, write_ground_truth
from monodepth2.datasets.known_poses import noted_camera
from monodepth2.datasets.known_speeds import read_oxts, read_speeds
from monodepth2.datasets.make3d import read_grid
from monodepth2.datasets.masks import read_mask
from monodepth2.datasets.picture_cache import PictureCache
from monodepth2.datasets.poses import read_poses
from monodepth2.datasets.split_lines import SplitLine, read_lines
from monodepth2.datasets.trajectories import write_poses, write_tum
from monodepth2.datasets.velodyne import depth_map, read_scan
from monodepth2.evaluation.sources import ArraySource
from monodepth2.files.fit import STRETCH
from monodepth2.files.picture_opening import is_own_output
from monodepth2.files.pictures import read_depth_png, read_picture, read_pyramid
from monodepth2.files.text import leads_out
from monodepth2.files.videos import VideoReader
from monodepth2.files.weight_files import read_weights
from monodepth2.motion.focal import FocalLength
from monodepth2.onnx.metadata import Metadata
from monodepth2.onnx.network import OnnxDepthNetwork
from monodepth2.prediction.inputs import Pictures, find_input
from monodepth2.prediction.video import VideoWriter
from monodepth2.prepare.analysis import Analysis, Look
from monodepth2.prepare.kept import KeptSource, read_found
from monodepth2.report.curves import curve_of
from monodepth2.reproduce.page import write_page
from monodepth2.reproduce.rows import ROWS
from monodepth2.reproduce.scores import Score, Scores
from monodepth2.synthetic.drive import DriveSettings, description, write_synthetic_drive
from wide_pictures import write_colour_png

LINES = [SplitLine("2011_09_26/drive", frame, "l") for frame in range(2)]
RECIPE = """# two parts of which one is drawn, a list, and one without some of its lines
[train 6 + val 2 drawn by frame, sides lr]
2011_09_26_drive_0001_sync 0-1 5 7
[test_09 3, sides l]
9 0-2
[test 2 = tiny test_09 without positions]
1
"""
CAMERAS = """calib_time: 09-Jan-2012 13:57:47
R_rect_00: 1 0 0 0 1 0 0 0 1
S_rect_02: 6.4e+01 4.8e+01
P_rect_02: 5e+01 0 3.2e+01 4.5e+01 0 5e+01 2.4e+01 -3e-01 0 0 1 4.6e-03
S_rect_03: 6.4e+01 4.8e+01
P_rect_03: 5e+01 0 3.2e+01 -3.4e+02 0 5e+01 2.4e+01 2.1e+00 0 0 1 3.2e-03
"""
MONO = ROWS["mono_640x192"]
SCANNER = "calib_time: 15-Mar-2012 11:37:16\nR: 0 -1 0 0 0 -1 1 0 0\nT: -4e-03 -7.6e-02 -2.7e-01\n"


@dataclass(frozen=True)
class Reader:
    """A way in for files.

    Attributes:
        name: of the kind of file.
        file: its name.
        write: makes a good one, and around it what reading it needs.
        read: reads one; raises AssertionError where the result is impossible.
        called: what a message may call the file instead of its path.
        anywhere: a user can put something other than a file in its place.
    """

    name: str
    file: str
    write: Callable[[Path], Any]
    read: Callable[[Path], Any]
    called: str | None = None
    anywhere: bool = True

    def make(self, folder: Path) -> tuple[Path, bytes]:
        """Make a good file in a folder that is made for it; return its path and content."""
        path = folder / self.name.replace(" ", "_") / "tiny" / self.file
        path.parent.mkdir(parents=True)
        self.write(path)
        return path, path.read_bytes()


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.5, 80, shape).astype(np.float32)


def tiny_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def tiny_optimizer(network: nn.Module) -> torch.optim.Optimizer:
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 1, 5, 5)).sum().backward()
    optimizer.step()
    return optimizer


def write_weights(path: Path, of_2019: bool = False) -> None:
    state = {**tiny_network().state_dict(), "height": 64, "width": 96, "use_stereo": True}
    torch.save(state, path, _use_new_zipfile_serialization=not of_2019)


def read_network(path: Path) -> None:
    state = read_weights(path, "look elsewhere")
    load_state(tiny_network(), state, path)
    height, width = input_size(state, path)
    assert height * width <= 1 << 28


def write_shared_network(path: Path) -> None:
    write_shared(path.parent, {"encoder": {**tiny_network().state_dict(), "height": 64, "width": 96}})


def read_shared_network(path: Path) -> None:
    state = read_shared(path)
    load_state(tiny_network(), state, path)
    input_size(state, path)


def read_optimizer(path: Path) -> None:
    load_optimizer(torch.optim.Adam(tiny_network().parameters()), path.parent)


def write_state(path: Path) -> None:
    noise = {"torch": torch.get_rng_state(), "device": None}
    torch.save({"step": 7, "random": [noise], "parts": {"scaler": {}, "batches": {"epoch": 1}}}, path)


def read_options(path: Path) -> None:
    options = trained_options(path.parent / "weights_0")
    assert options is None or 0 < options.min_depth < options.max_depth


def write_config(path: Path) -> None:
    path.write_text(config_text(Options(height=96, learning_rate=1e-5, frame_ids=(0, 1), log_dir=path.parent)))


def read_tiny_recipe(path: Path) -> None:
    with patch.object(splits, "splits_root", lambda: path.parent.parent):
        for part in splits.parts_of("tiny"):
            assert not any(leads_out(line.folder) for line in splits.read_split("tiny", part))


def write_calibration(path: Path) -> None:
    (path.parent / calibration.CAM_TO_CAM).write_text(CAMERAS)
    (path.parent / calibration.VELO_TO_CAM).write_text(SCANNER)


def read_calibration(path: Path) -> calibration.Calibration:
    calibration.Calibration.read.cache_clear()  # which remembers the good file
    found = calibration.Calibration.read(path.parent)
    assert np.isfinite(found.image_from_velodyne(2)).all()
    return found


def read_camera(path: Path) -> None:
    camera = CAMERA_READERS[path.name](path, lambda: (64, 48))
    assert np.isfinite(camera.matrix(96, 64)).all()
    assert min(camera.fx, camera.fy) > 0


def write_scan(path: Path) -> None:
    write_calibration(path)
    (numbers(200, 4) - [0, 40, 40, 0]).astype("<f4").tofile(path)


def project_scan(path: Path) -> None:
    scan = read_scan(path)
    depth = depth_map(scan, read_calibration(path), 2, forward=True)
    assert depth.shape == (48, 64)
    assert np.isfinite(depth).all()


def picture(mode: str = "RGB", **settings: Any) -> Callable[[Path], None]:
    y, x = np.mgrid[:12, :20]
    image = Image.fromarray(np.stack([10 * x, 20 * y, 5 * (x + y)], -1).astype(np.uint8))
    return lambda path: image.convert(mode).save(path, **settings)


def read_any_picture(path: Path) -> None:
    if isinstance(find_input(path), Pictures):
        assert not is_own_output(path)
        assert read_picture(path).mode == "RGB"
    else:
        read_video(path)


def write_depth_png(path: Path) -> None:
    Image.fromarray((256 * numbers(12, 20)).astype(np.uint16)).save(path)


def write_wide_colours(path: Path) -> None:
    write_colour_png(path, (256 * numbers(12, 20, 3)).astype(np.uint16))


def check_map(depth: np.ndarray) -> None:
    assert depth.ndim == 2
    assert depth.dtype == np.float32
    assert np.isfinite(depth).all()


def write_pfm(path: Path) -> None:
    path.write_bytes(b"Pf\n5 6\n-1.0\n" + numbers(6, 5)[::-1].astype("<f4").tobytes())


def read_depth(path: Path) -> None:
    depth = read_depth_map(path)
    check_map(depth)
    assert (depth >= 0).all()


def write_grid(path: Path) -> None:
    savemat(path, {"Position3DGrid": numbers(5, 7, 4).astype(float)}, do_compression=True)


def write_truth(path: Path, size: tuple[int, int] | None) -> None:
    write_ground_truth(path, [numbers(6, 5 + (size is None) * n) for n in range(2)], LINES, size)


def write_truth_of_2019(path: Path) -> None:
    maps = np.empty(2, object)
    maps[:] = [numbers(6, 5), numbers(6, 7)]
    np.savez_compressed(path, data=maps)


def read_truth(path: Path) -> None:
    read = read_ground_truth(path, 2, LINES)
    for position in range(2):
        check_map(read(position))


def read_array(path: Path) -> None:
    for disp in ArraySource(path, 2, eigen_rows=False).disparities(range(2), None):
        check_map(disp)


def write_array_of_objects(path: Path) -> None:
    maps = np.empty(2, object)
    maps[:] = [numbers(6, 5), numbers(6, 7)]
    np.save(path, maps, allow_pickle=True)


def write_trajectory(path: Path) -> None:
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 2, 3] = range(5)
    write_poses(path, poses)


def write_tum_trajectory(path: Path) -> None:
    write_tum(path, np.tile(np.eye(4), (5, 1, 1)), np.arange(5.0))


def read_trajectory(path: Path) -> None:
    assert np.isfinite(np.linalg.inv(read_poses(path))).all()


def write_speeds(path: Path) -> None:
    """A plain drive's speeds, with its times in both ways that they can lie beside it."""
    (path.parent / "speed.txt").write_text("10\n12.5\n-0.1\n")
    if path.name == "drive.json":
        path.write_text('{"source": "v.mp4", "times": [0.1, 0.2, 0.35]}')
    else:
        (path.parent / "times.txt").write_text("0.1\n0.2\n0.35\n")


def read_ways(path: Path) -> None:
    known = read_speeds(path.parent, 3)
    assert known.shape == (3, 2)
    assert np.isfinite(known[:, 1]).all()


def write_note(path: Path) -> None:
    path.write_text('{"camera": {"fx": 0.8, "fy": 1.4, "cx": 0.5, "cy": 0.5, "source": "assumed"}}')


def write_oxts_of_a_frame(path: Path) -> None:
    path.parents[1].joinpath("timestamps.txt").write_text("2011-09-26 13:02:25.000000000\n")
    path.parents[1].joinpath("data").mkdir(exist_ok=True)
    path.parents[1].joinpath("data/0000000000.txt").write_text(" ".join(map(str, range(30))))


def read_forward(folder: Path) -> None:
    assert np.isfinite(read_oxts(folder)[:, 1]).all()


def write_network(path: Path) -> None:
    weight = onnx.numpy_helper.from_array(numbers(1, 3, 3, 3) / 1000, "weight")
    size, float32 = [1, 3, 64, 96], onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Conv", ["image", "weight"], ["raw"], pads=[1, 1, 1, 1]),
            onnx.helper.make_node("Sigmoid", ["raw"], ["disp"]),
        ],
        "depth",
        [onnx.helper.make_tensor_value_info("image", float32, size)],
        [onnx.helper.make_tensor_value_info("disp", float32, [1, 1, 64, 96])],
        [weight],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    facts = Metadata(
        *("test", "depth", 64, 96, 32, 1, False, False, "fp32", "mono", False, 0.1, 100.0, 1.0, "arbitrary")
    )
    for key, value in facts.to_properties().items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, path)


def run_network(path: Path) -> None:
    network = OnnxDepthNetwork(path, torch.device("cpu"))
    assert 0 < network.min_depth < float("inf")
    network(torch.zeros(1, 3, network.height, network.width))


def write_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("encoder", "depth", "pose"):
            archive.writestr(f"model/{name}.pth", name.encode() * 100)


def unpack_archive(path: Path) -> None:
    before = set(path.parents[1].rglob("*"))
    folder = path.parent / "unpacked"
    folder.mkdir()
    try:
        unpack_model(path, str(path), folder)
        assert {file.name for file in folder.iterdir()} <= set(WEIGHT_FILES)
    finally:
        shutil.rmtree(folder)
    assert set(path.parents[1].rglob("*")) == before


def tiny_cache(path: Path) -> PictureCache:
    cache = PictureCache(path.parent / "cache", path.parent, 64, 32)
    cache.expect([path.parent / "picture.png"])
    return cache


def kept_pictures(suffix: str) -> Callable[[Path], None]:
    """Makes a cache of one picture, of which one of the two files lies at the given path."""

    def write(path: Path) -> None:
        picture()(path.parent / "picture.png")
        cache = tiny_cache(path)
        cache.fill()
        (file,) = cache.folder.glob(f"*{suffix}")
        os.replace(file, path)
        file.symlink_to(path)

    return write


def read_kept(path: Path) -> None:
    levels = tiny_cache(path)(path.parent / "picture.png", 3)
    assert [level.shape for level in levels] == [(32, 64, 3), (16, 32, 3), (8, 16, 3), (4, 8, 3)]


def write_video(path: Path) -> None:
    with VideoWriter(path, Fraction(25)) as writer:
        for n in range(6):
            writer.add(np.roll(np.tile(np.arange(64, dtype=np.uint8)[:, None], (48, 1, 3)), n, axis=1))


def read_video(path: Path) -> None:
    with VideoReader(path) as reader:
        for frame in islice(reader.frames(), 100):
            assert frame.mode == "RGB"


def write_marker(path: Path) -> None:
    (path.parent / "other").touch()
    path.write_text(json.dumps(description(DriveSettings())))


def write_events(path: Path) -> None:
    """A run's events of two steps, each with a picture."""
    with SummaryWriter(str(path.parent)) as writer:
        for step in range(2):
            writer.add_scalar("loss", 0.1, step)
            writer.add_image("color_0", numbers(3, 8, 8) / 80, step)
    (written,) = path.parent.glob("events.out.tfevents.*.*")
    written.rename(path)


def write_analysis(path: Path) -> None:
    row, look = np.arange(3) / 10, Look(2, 1, 0.1, 8.0, 0.9, None)
    found = Analysis((6, 4), row, row, row, row > 1, row, row, (look,), np.zeros((4, 6), bool), FocalLength(0.9, 0.05))
    KeptSource(path.parent, {}).keep(found, ["is damaged"])


def read_analysis(path: Path) -> None:
    read_found(path, {"monodepth2": __version__})  # None where it is damaged: then the video is read again


def write_score(path: Path) -> None:
    figures = dict.fromkeys(MONO.names, 0.1)
    score = Score("weights", figures, dict.fromkeys(figures, (0.05, 0.15)), 697, [], "bf16")
    Scores(path.parent).keep(MONO, "seed0", score)


def read_score(path: Path) -> None:
    """A score that cannot be read is none; what is shown of any other must be possible to show."""
    score = Scores(path.parent).find(MONO, "seed0")
    if score is not None:
        assert isinstance(score.images, int)
        assert all(map(np.isfinite, score.figures.values()))
        write_page(path.parent / "index.html", [MONO], (0,), {(MONO.name, "seed0"): score}, rehearsal=False)


READERS = (
    Reader("weights", "encoder.pth", write_weights, read_network),
    Reader("weights of 2019", "encoder.pth", lambda path: write_weights(path, of_2019=True), read_network),
    Reader("shared weights", "encoder.safetensors", write_shared_network, read_shared_network),
    Reader("config of a shared model", CONFIG, write_shared_network, read_shared_config),
    Reader(
        "optimizer",
        "adam.pth",
        lambda path: torch.save(tiny_optimizer(tiny_network()).state_dict(), path),
        read_optimizer,
    ),
    Reader("state of a run", "state.pth", write_state, lambda path: read_weights(path, "look elsewhere")),
    Reader(
        *("manifest", "manifest.json", lambda path: write_folder(path.parent, {"a.pth": {}}, 1)),
        lambda path: read_manifest(path.parent),
    ),
    Reader("options", "opt.json", lambda path: path.write_text(Options().to_json()), read_options),
    Reader("options in YAML", "run.yaml", write_config, lambda path: read_config(path, Options)),
    Reader("list of a split", "train_files.txt", lambda path: path.write_text("a/b 1 l\nc 2 r\n"), read_lines),
    Reader("recipe", "recipe.txt", lambda path: path.write_text(RECIPE), read_tiny_recipe, called="split 'tiny'"),
    Reader("calibration of cameras", calibration.CAM_TO_CAM, write_calibration, read_calibration),
    Reader("calibration of the scanner", calibration.VELO_TO_CAM, write_calibration, read_calibration),
    Reader(
        *("camera as nerfstudio's", "camera.json"),
        lambda path: path.write_text('{"fl_x": 60, "fl_y": 61, "cx": 32, "cy": 24, "w": 64, "h": 48, "k1": 0.1}'),
        read_camera,
    ),
    Reader("camera matrix", "K.txt", lambda path: path.write_text("60 0 32\n0 60 24\n0 0 1\n"), read_camera),
    Reader(
        *("camera of COLMAP", "cameras.txt"),
        lambda path: path.write_text("# one\n1 OPENCV 64 48 60 60 32 24 0.1 0 0 0\n"),
        read_camera,
    ),
    Reader("scan", "0000000000.bin", write_scan, project_scan),
    Reader("jpeg of a data set", "0000000000.jpg", picture(), lambda path: read_pyramid(path, 2, 64, 32)),
    Reader("png of a data set", "0000000000.png", picture(), lambda path: read_pyramid(path, 2, 64, 32)),
    Reader("mask", "mask.png", picture("L"), lambda path: read_mask(path, 2, 64, 32, STRETCH)),
    Reader("depth png", "0000000000.png", write_depth_png, lambda path: check_map(read_depth_png(path))),
    Reader(
        "jpeg",
        "picture.jpg",
        picture(exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\3\0\1\0\0\0\6\0\0\0"),
        read_any_picture,
    ),
    Reader("png", "picture.png", picture("RGBA"), read_any_picture),
    Reader("16-bit png", "picture.png", write_depth_png, read_any_picture),
    Reader("16-bit colours", "picture.png", write_wide_colours, read_any_picture),
    Reader("palette png", "picture.png", picture("P"), read_any_picture),
    Reader("tiff", "picture.tif", picture(compression="tiff_lzw"), read_any_picture),
    Reader("bmp", "picture.bmp", picture(), read_any_picture),
    Reader("webp", "picture.webp", picture(), read_any_picture),
    Reader("gif", "picture.gif", picture(), read_any_picture),
    Reader("jpeg 2000", "picture.jp2", picture(), read_any_picture),
    Reader("picture without ending", "picture", picture(format="PNG"), read_any_picture),
    Reader("depth npy", "0.npy", lambda path: np.save(path, numbers(6, 5)), read_depth),
    Reader("depth pfm", "0.pfm", write_pfm, read_depth),
    Reader("grid of Make3D", "depth_sph_corr-a.mat", write_grid, lambda path: check_map(read_grid(path))),
    Reader("ground truth", "gt_depths.npz", lambda path: write_truth(path, (6, 5)), read_truth),
    Reader("ground truth of many sizes", "gt_depths.npz", lambda path: write_truth(path, None), read_truth),
    Reader("ground truth of 2019", "gt_depths.npz", write_truth_of_2019, read_truth),
    Reader("disparities", "disps.npy", lambda path: np.save(path, numbers(2, 6, 5)), read_array),
    Reader("disparities of many sizes", "disps.npy", write_array_of_objects, read_array),
    Reader("poses", "09.txt", write_trajectory, read_trajectory),
    Reader("poses of TUM", "drive.tum", write_tum_trajectory, read_trajectory),
    Reader("speeds", "speed.txt", write_speeds, read_ways),
    Reader("times of pictures", "times.txt", write_speeds, read_ways),
    Reader("times of a prepared drive", "drive.json", write_speeds, read_ways, anywhere=False),
    Reader("camera of a path", "drive.json", write_note, lambda path: noted_camera(path.parent), anywhere=False),
    Reader("score of a row", "mono_640x192.seed0.json", write_score, read_score, anywhere=False),
    Reader("analysis of a video", "analysis.json", write_analysis, read_analysis, anywhere=False),
    Reader(
        "oxts", "data/0000000000.txt", write_oxts_of_a_frame, lambda path: read_forward(path.parents[1]), anywhere=False
    ),
    Reader("onnx", "depth.onnx", write_network, run_network),
    Reader("archive of a model", "model.zip", write_archive, unpack_archive, anywhere=False),
    Reader("kept pictures", "pictures.npy", kept_pictures(".npy"), read_kept),
    Reader("index of kept pictures", "index.json", kept_pictures(".json"), read_kept),
    Reader("video", "video.mp4", write_video, read_video),
    Reader("events of a run", "events.out.tfevents.1", write_events, lambda path: curve_of([path])),
    Reader(
        "marker of a synthetic drive",
        "synthetic.json",
        write_marker,
        lambda path: write_synthetic_drive(path.parent, DriveSettings()),
        called="/tiny holds ",
    ),
)
