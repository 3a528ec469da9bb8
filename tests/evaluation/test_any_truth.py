"""Scoring on any ground truth: every format, cap, crop, alignment, what is left out, Make3D."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from monodepth2.config import Options
from monodepth2.datasets.make3d import Make3D
from monodepth2.errors import UserError
from monodepth2.evaluation.page import write_page
from monodepth2.evaluation.report import json_report, text_report
from monodepth2.evaluation.run import run
from monodepth2.evaluation.scoring import evaluate, evaluate_all
from options import parse
from trees import write_checkpoint


@pytest.fixture
def options(small_drive) -> Options:
    return parse([*small_drive.flags(), "--eval_mono"], command="evaluate")


def write_maps(folder: Path, kind: str, depths: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for n, depth in enumerate(depths):
        path = folder / f"{n:010d}.{kind}"
        if kind == "npy":
            np.save(path, np.where(n % 2, depth, depth.astype(np.float64)))
        elif kind == "pfm":
            path.write_bytes(b"Pf\n96 64\n-1.0\n" + depth[::-1].astype("<f4").tobytes())
        else:
            Image.fromarray((1000 * depth).clip(0, 65535).astype(np.uint16)).save(path)


@pytest.mark.parametrize("kind", ["npy", "pfm", "png", "npz", "stored"])
def test_truth_of_every_format_gives_the_same_figures(kind: str, options: Options, small_drive, tmp_path: Path) -> None:
    depths = np.minimum(small_drive.depths, 65)  # what 16 bits of millimetres hold
    depths[:, :8, :8] = 0
    if kind in ("npz", "stored"):
        path = tmp_path / "own.npz" if kind == "npz" else small_drive.split / "gt_depths.npz"
        unknown = depths.copy()
        unknown[:, 0, 0], unknown[:, 0, 1], unknown[:, 0, 2] = np.nan, -1, np.inf
        np.savez(path, data=unknown)
    else:
        path = tmp_path / "maps"
        write_maps(path / "day/one", kind, depths)
    scale = {"gt_png_scale": 1000.0} if kind == "png" else {}
    result = evaluate(replace(options, gt_path=None if kind == "stored" else path, **scale))
    np.savez(tmp_path / "plain.npz", data=depths)
    assert result.scores == evaluate(replace(options, gt_path=tmp_path / "plain.npz")).scores
    assert str(path) in result.truth


@pytest.fixture
def scored(options: Options, small_drive, tmp_path: Path) -> Options:
    np.savez(tmp_path / "truth.npz", data=small_drive.depths)
    return replace(options, gt_path=tmp_path / "truth.npz")


@pytest.mark.parametrize("flag", ["output_json", "html_report"])
def test_reports_do_not_replace_what_is_scored(flag: str, scored: Options, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(scored.gt_path)
    model = tmp_path / "model.onnx"
    model.write_bytes(b"a network")
    for path in (scored.ext_disp_to_eval, scored.gt_path, link, model):
        before = path.read_bytes()
        with pytest.raises(UserError, match=f"is an input and would be overwritten: choose another --{flag}"):
            run(replace(scored, compare=(str(model),), **{flag: path}))
        assert path.read_bytes() == before
    page = tmp_path / "page"
    with pytest.raises(UserError, match=r"--output_json and --html_report would both write .*page: name a file"):
        run(replace(scored, output_json=page, html_report=page))
    with pytest.raises(UserError, match=r"--output_json .*figures\.json: cannot be written"):
        run(replace(scored, output_json=tmp_path / "gone/figures.json"))


def test_the_report_states_region_alignment_and_what_was_left_out(scored: Options, small_drive) -> None:
    result = evaluate(scored)
    known = small_drive.depths.size
    counted = result.pixels
    assert counted.scored == sum(score.pixels.scored for score in result.scores)
    assert sum(counted) == known
    assert counted.beyond_cap > 0
    text = text_report([result])
    assert f"4 images, {counted.scored:,} pixels: Garg's crop, ground truth between 0.001 and 80 m" in text
    assert f"{counted.outside_crop:,} outside the crop, {counted.beyond_cap:,} beyond the cap" in text
    whole = evaluate(replace(scored, crop="none", eval_max_depth=200.0, align="scale_shift"))
    assert whole.pixels == (0, 0, 0, known)
    assert "left out" not in text_report([whole])
    assert "no crop, ground truth between 0.001 and 200 m, scale and shift" in text_report([whole])
    values = json.loads(json_report([whole]))
    assert values["protocol"]["crop"] == "none"
    assert values["protocol"]["cap"] == [0.001, 200]
    assert values["pixels"]["scored"] == known
    assert values["images"][0]["scale_shift"] == list(whole.scores[0].alignment.scale_shift)


def test_the_page_states_the_same_and_shows_further_figures(scored: Options, tmp_path: Path) -> None:
    options = replace(scored, metrics=("log",), align="scale_shift")
    write_page(tmp_path / "page.html", [evaluate(options)], options)
    page = tmp_path.joinpath("page.html").read_text()
    for words in ("beyond the cap", "Garg&#39;s crop", "scale and shift", "<th>silog</th>", "lower is better"):
        assert words in page


def test_lines_whose_truth_is_missing_are_listed_and_the_rest_is_scored(options, small_drive, tmp_path: Path) -> None:
    write_maps(tmp_path / "maps/day/one", "npy", small_drive.depths)
    whole = evaluate(replace(options, gt_path=tmp_path / "maps"))
    for n in (1, 3):
        (tmp_path / f"maps/day/one/{n:010d}.npy").unlink()
    result = evaluate(replace(options, gt_path=tmp_path / "maps"))
    assert result.scores == whole.scores[::2]
    assert "2 images left out, the file with ground truth is missing: day/one 1 l; day/one 3 l" in text_report([result])
    assert json.loads(json_report([result]))["missing_ground_truth"] == ["day/one 1 l", "day/one 3 l"]


def test_missing_scans_of_a_few_lines_are_skipped(scene_copy: Path, tmp_path: Path) -> None:
    drive = "2011_09_26/2011_09_26_drive_0001_sync"
    (tmp_path / "split").mkdir()
    (tmp_path / "split/test_files.txt").write_text(f"{drive} 2 l\n{drive} 3 l\n")
    np.save(tmp_path / "disps.npy", np.full((2, 4, 6), 0.1))
    options = Options(data_path=scene_copy, eval_split=str(tmp_path / "split"), eval_mono=True, num_workers=0,
                      ext_disp_to_eval=tmp_path / "disps.npy")  # fmt: skip
    (scene_copy / drive / "velodyne_points/data/0000000002.bin").unlink()
    assert [str(line) for line in evaluate(options).missing] == [f"{drive} 2 l"]
    (scene_copy / drive / "velodyne_points/data/0000000003.bin").unlink()
    with pytest.raises(UserError, match="2 of 2 files with ground truth are missing"):
        evaluate(options)


def test_own_pictures_without_depth_are_told_of_the_report(checkpoint, tmp_path: Path) -> None:
    drive, models = tmp_path / "drive", tmp_path / "runs/mine/models"
    drive.mkdir()
    Image.new("RGB", (96, 64)).save(drive / "0.png")
    weights = shutil.copytree(checkpoint(), models / "weights_0")
    (models / "opt.json").write_text(Options(dataset="folder", data_path=drive, model_name="mine").to_json())
    options = Options(data_path=drive, load_weights_folder=weights, eval_mono=True)
    with pytest.raises(UserError, match=r"trained on it with --dataset folder.* report .*/runs/mine needs none"):
        evaluate(options)
    with pytest.raises(UserError, match=r"Without ground truth there is nothing .* report .*/runs/mine needs none"):
        evaluate(replace(options, dataset="folder"))


def test_why_nothing_is_scored(scored: Options) -> None:
    with pytest.raises(UserError, match=r"none of the 4 images .* 0 are masked, .* beyond the cap; check --crop"):
        evaluate(replace(scored, eval_min_depth=0.001, eval_max_depth=0.5))


def test_one_image_has_no_interval(scored: Options, small_drive, tmp_path: Path) -> None:
    (small_drive.split / "test_files.txt").write_text("day/one 0 l\n")
    np.save(tmp_path / "disps.npy", np.load(small_drive.disps)[:1])
    np.savez(tmp_path / "truth.npz", data=small_drive.depths[:1])
    result = evaluate(scored)
    assert result.intervals is None
    assert "95 %" not in text_report([result])
    assert json.loads(json_report([result]))["interval_95"] is None
    assert "95 %" not in text_report([result, replace(result, name="again")])
    write_page(tmp_path / "page.html", [result, replace(result, name="again")], scored)
    assert "95 %" not in (tmp_path / "page.html").read_text()


@pytest.fixture
def folders(small_drive, tmp_path: Path) -> Options:
    """The same pictures as a plain folder, with names of their own, truth in millimetres and a mask of one picture."""
    drive = tmp_path / "plain"
    for name in ("depth", "masks"):
        (drive / name).mkdir(parents=True)
    for n, depth in enumerate(small_drive.depths):
        source = small_drive.root / f"day/one/image_02/data/{n:010d}.jpg"
        (drive / f"image 2024.{n}.JPG").write_bytes(source.read_bytes())
        Image.fromarray((1000 * np.minimum(depth, 65)).astype(np.uint16)).save(drive / f"depth/image 2024.{n}.png")
    mask = np.zeros((32, 48), np.uint8)  # half the size of the truth
    mask[:, :24] = 255
    Image.fromarray(mask).save(drive / "masks/image 2024.1.png")
    return Options(data_path=drive, dataset="folder", gt_png_scale=1000.0, eval_mono=True, num_workers=0,
                   ext_disp_to_eval=small_drive.disps)  # fmt: skip


def test_a_plain_folder_is_scored_with_its_depth_and_its_masks(folders: Options, small_drive, options, tmp_path: Path):
    result = evaluate(folders)
    assert [score.pixels.scored for score in result.scores] == [64 * 96, 64 * 48, 64 * 96, 64 * 96]
    assert result.pixels.masked == 64 * 48
    assert "masked" in text_report([result])
    assert result.protocol.region.crop == "none"
    np.savez(tmp_path / "same.npz", data=np.minimum(small_drive.depths, 65))
    same = evaluate(replace(options, gt_path=tmp_path / "same.npz", crop="none"))
    assert result.scores[::2] == same.scores[::2]
    assert evaluate(replace(folders, crop="mask")).scores == result.scores
    with pytest.raises(UserError, match="--crop mask: this data set has no masks"):
        evaluate(replace(options, gt_path=tmp_path / "same.npz", crop="mask"))
    write_page(tmp_path / "page.html", [result], folders)


def test_maps_that_lie_on_their_side_are_refused_and_other_shapes_are_told(folders: Options, capsys) -> None:
    with pytest.raises(UserError, match=r"plain: holds pictures that are read"):
        evaluate(replace(folders, eval_out_dir=folders.data_path))
    for n in range(4):
        path = folders.data_path / f"depth/image 2024.{n}.png"
        with Image.open(path) as depth:
            depth.resize((64, 64), Image.Resampling.NEAREST).save(path)
    evaluate(folders)
    assert (
        "2024.3.png has 64 x 64 pixels, and its picture image 2024.3.JPG, upright, 96 x 64" in capsys.readouterr().err
    )
    for n in range(4):
        Image.new("I;16", (64, 96), 5000).save(folders.data_path / f"depth/image 2024.{n}.png")
    with pytest.raises(UserError, match=r"depth/image 2024\.3\.png: .*: the map lies on its side"):
        evaluate(folders)


def test_a_plain_folder_without_depth_names_where_it_is_looked_for(folders: Options, tmp_path: Path) -> None:
    (folders.data_path / "depth").rename(tmp_path / "truth")
    with pytest.raises(UserError, match=r"expected e\.g\. .*plain/depth/image 2024\.0\.npy"):
        evaluate(folders)
    depth = evaluate(replace(folders, gt_path=tmp_path / "truth"))
    assert len(depth.scores) == 4


def test_the_points_of_the_f_score_follow_from_the_camera(folders: Options) -> None:
    wide = evaluate(replace(folders, metrics=("fscore",), intrinsics=(0.3, 0.3, 0.5, 0.5)))
    narrow = evaluate(replace(folders, metrics=("fscore",), intrinsics=(20.0, 20.0, 0.5, 0.5)))
    assert wide.means[7] < narrow.means[7]
    with pytest.raises(UserError, match="--fov states a camera, which only --metrics fscore needs"):
        evaluate(replace(folders, fov=70.0))


def test_the_data_set_asked_for_by_name_wins_over_stored_truth(options: Options, small_drive) -> None:
    np.savez(small_drive.split / "gt_depths.npz", data=small_drive.depths)
    folder = small_drive.root / "day/one/proj_depth/groundtruth/image_02"
    folder.mkdir(parents=True)
    for n in range(4):
        Image.fromarray(np.full((64, 96), 256 * 7, np.uint16)).save(folder / f"{n:010d}.png")
    improved = evaluate(replace(options, dataset="kitti_depth"))
    assert "improved maps" in improved.truth
    assert improved.scores != evaluate(options).scores


def test_scoring_takes_the_checkpoints_own_depth_range(scored: Options, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "weights_0", min_depth=1.0, max_depth=10.0)
    with_network = replace(scored, ext_disp_to_eval=None, load_weights_folder=folder)
    own = evaluate(with_network)
    assert not own.notes
    assert own.scores == evaluate(replace(with_network, min_depth=1.0, max_depth=10.0)).scores
    flags = ["--data_path", str(scored.data_path), "--eval_split", scored.eval_split, "--load_weights_folder",
             str(folder), "--eval_mono", "--gt_path", str(scored.gt_path), "--device", "cpu"]  # fmt: skip
    asked = evaluate_all(parse([*flags, "--min_depth", "0.1", "--max_depth", "100"])).results[0]
    assert asked.scores != own.scores
    assert "scored with 0.1 and 100: its depths are others then" in asked.notes[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"align": "scale_shift", "pred_depth_scale_factor": 2.0}, "--align scale_shift finds the scale"),
        ({"align": "median", "disable_median_scaling": True}, "contradicts --align median"),
        ({"eval_min_depth": 9.0, "eval_max_depth": 3.0}, "the first must be smaller"),
        ({"gt_png_scale": 1000.0}, "--gt_png_scale is for .png files"),
        ({"gt_path": Path("nowhere")}, "no such file or folder"),
        ({"gt_path": None, "gt_png_scale": 1000.0}, "--gt_png_scale is for the .png files"),
        ({"dataset": "kitti_odom", "gt_path": None}, "name a gt_depths.npz or a folder of depth maps with --gt_path"),
        ({"baseline": 0.2}, "only --eval_stereo scores with a stated one"),
        ({"baseline": 0.2, "eval_stereo": True, "eval_mono": False, "pred_depth_scale_factor": 3.0}, "replaces it"),
    ],
)
def test_contradictions_are_refused(changes: dict, message: str, scored: Options) -> None:
    with pytest.raises(UserError, match=message):
        evaluate(replace(scored, **changes))


def make3d(root: Path, count: int = 3) -> np.ndarray:
    """A small Make3D: pictures whose colour is constant but in their middle; returns the grids' depths."""
    rng = np.random.default_rng(1)
    depths = rng.uniform(1, 90, (count, 55, 30))
    for folder in ("Test134", "Gridlaserdata"):
        (root / folder).mkdir(parents=True)
    for n, depth in enumerate(depths):
        Image.fromarray(np.full((227, 170, 3), 40 * n, np.uint8)).save(root / f"Test134/img-math{n}-p-1t0.jpg")
        grid = np.stack([0 * depth, 0 * depth, 0 * depth, depth], -1)
        name = root / f"Gridlaserdata/depth_sph_corr-math{n}-p-1t0.mat"
        savemat(name, {"Position3DGrid": grid}, do_compression=bool(n % 2))
    return depths


def test_make3d_is_scored_in_its_middle_up_to_70_m(tmp_path: Path) -> None:
    depths = make3d(tmp_path / "make3d")[:, 17:38]  # the 21 rows of 55 that the middle of a picture has
    pred = np.clip(depths * np.random.default_rng(2).uniform(0.7, 1.4, depths.shape), 1, 69)
    np.save(tmp_path / "disps.npy", 1 / pred)
    result = evaluate(Options(data_path=tmp_path / "make3d", eval_split="make3d", eval_mono=True, num_workers=0,
                              ext_disp_to_eval=tmp_path / "disps.npy", disable_median_scaling=True))  # fmt: skip
    for score, gt, mine in zip(result.scores, depths, pred, strict=True):
        near = gt < 70
        error = np.log10(mine[near]) - np.log10(gt[near])
        assert score.pixels.scored == near.sum()
        assert score.metrics.abs_rel == pytest.approx((np.abs(mine - gt) / gt)[near].mean(), rel=1e-5)
        assert score.extras["log10"] == pytest.approx(np.abs(error).mean(), rel=1e-4)
    assert "log10" in text_report([result])
    assert "the middle of each picture" in result.truth
    assert "134 pictures, 3 are there" in evaluate(
        Options(data_path=tmp_path / "make3d", eval_split="make3d", eval_mono=True, num_workers=0,
                ext_disp_to_eval=tmp_path / "disps.npy")
    ).notes[0]  # fmt: skip


def test_make3ds_pictures_are_shown_to_the_network_cropped(small_weights: Path, tmp_path: Path) -> None:
    make3d(tmp_path / "make3d")
    layout = Make3D(tmp_path / "make3d")
    with Image.open(layout.picture_path(layout.lines()[0])) as picture:
        cropped = layout.cropped(picture)
    assert cropped.size == (170, 85)
    np.testing.assert_array_equal(np.asarray(cropped), np.zeros((85, 170, 3)))
    options = Options(data_path=tmp_path / "make3d", eval_split="make3d", eval_mono=True, num_workers=0, no_cuda=True,
                      load_weights_folder=small_weights)  # fmt: skip
    result = evaluate(options)
    assert [str(line) for line in result.lines] == [f"math{n}-p-1t0 {n} l" for n in range(3)]
    write_page(tmp_path / "page.html", [result], options)
    with pytest.raises(UserError, match="lies in Make3D's own layout: drop --dataset kitti_depth"):
        evaluate(replace(options, dataset="kitti_depth"))
    with pytest.raises(UserError, match="camera"):
        evaluate(replace(options, metrics=("fscore",)))
    (tmp_path / "make3d/Test134").rename(tmp_path / "make3d/elsewhere")
    with pytest.raises(UserError, match="unpack Make3D's Test134"):
        evaluate(options)


def test_what_make3ds_grid_shows_of_a_cut_picture_is_where_the_network_saw_it(tmp_path: Path) -> None:
    """Grids have another shape than pictures: what the network has not seen of a picture has no figures."""
    make3d(tmp_path / "make3d")
    write_checkpoint(tmp_path / "weights", fit="crop", width=96, height=64)  # of 170 x 85 it sees 127.5 columns
    options = Options(data_path=tmp_path / "make3d", eval_split="make3d", eval_mono=True, num_workers=0, no_cuda=True,
                      load_weights_folder=tmp_path / "weights", eval_max_depth=100.0)  # fmt: skip
    result = evaluate(options)
    seen = sum(abs(column + 0.5 - 15) < 15 * 127.5 / 170 for column in range(30))
    assert {score.pixels.scored for score in result.scores} == {21 * seen}
    assert {score.pixels.masked for score in result.scores} == {21 * (30 - seen)}
