import json
import subprocess
import sys
from pathlib import Path

import pytest

from monodepth2.config import (
    RECIPES,
    AppOptions,
    DemoOptions,
    ExportOptions,
    Options,
    PredictOptions,
    PrepareOptions,
    PseudoLabelOptions,
    PushOptions,
    SyntheticOptions,
    options_from_json,
)
from monodepth2.errors import UserError
from options import build_parser, parse, parse_as
from places import ROOT

FLAGS_OF_2019 = {
    "data_path": Path(ROOT / "kitti_data"), "log_dir": Path("~/tmp"), "model_name": "mdp", "split": "eigen_zhou",
    "num_layers": 18, "dataset": "kitti", "png": False, "height": 192, "width": 640, "disparity_smoothness": 1e-3,
    "scales": (0, 1, 2, 3), "min_depth": 0.1, "max_depth": 100.0, "use_stereo": False, "frame_ids": (0, -1, 1),
    "batch_size": 12, "learning_rate": 1e-4, "num_epochs": 20, "scheduler_step_size": 15, "v1_multiscale": False,
    "avg_reprojection": False, "disable_automasking": False, "predictive_mask": False, "no_ssim": False,
    "weights_init": "pretrained", "pose_model_input": "pairs", "pose_model_type": "separate_resnet",
    "no_cuda": False, "num_workers": 12, "load_weights_folder": None,
    "models_to_load": ("encoder", "depth", "pose_encoder", "pose"), "log_frequency": 250, "save_frequency": 1,
    "eval_stereo": False, "eval_mono": False, "disable_median_scaling": False, "pred_depth_scale_factor": 1.0,
    "ext_disp_to_eval": None, "eval_split": "eigen", "save_pred_disps": False, "no_eval": False,
    "eval_eigen_to_benchmark": False, "eval_out_dir": None, "post_process": False,
}  # fmt: skip


def test_flags_and_defaults_of_2019() -> None:
    options = parse([])
    assert {name: getattr(options, name) for name in FLAGS_OF_2019} == FLAGS_OF_2019


def test_choices_of_2019() -> None:
    choices = {action.dest: action.choices for action in build_parser()._actions if action.choices}
    assert choices["num_layers"] == (18, 34, 50, 101, 152)
    assert choices["dataset"] == ("kitti", "kitti_odom", "kitti_depth", "kitti_test", "folder")
    assert choices["pose_model_type"] == ("posecnn", "separate_resnet", "shared")


def test_values_arrive_in_their_types() -> None:
    options = parse("--frame_ids 0 -2 -1 1 --scales 0 2 --learning_rate 5e-5 --png --data_path x --width 64".split())
    assert options.frame_ids == (0, -2, -1, 1)
    assert options.scales == (0, 2)
    assert options.learning_rate == 5e-5
    assert options.png
    assert options.data_path == Path("x")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--height 100", "--height 96"),
        ("--width 0", "multiple of 32"),
        ("--width 32", "at least 64"),
        ("--frame_ids 1 0", "target comes first"),
        ("--frame_ids 0", "--use_stereo"),
        ("--frame_ids 0 1 1", "named twice"),
        ("--scales 0 4", "0 1 2 3"),
        ("--predictive_mask", "--disable_automasking"),
        ("--min_depth 5 --max_depth 1", "min_depth < max_depth"),
        ("--dataset kitti_test --use_stereo", "no second camera"),
        ("--no_cuda --device cuda", "contradicts"),
        ("--compile --grad_checkpointing", "drop one"),
        ("--split nowhere", "eigen_zhou"),
        ("--eval_split nowhere", "odom_0 to odom_21"),
        ("--batch_size 0", "at least 1"),
        ("--learning_rate nan", "positive"),
        ("--learning_rate 0", "positive"),
        ("--clip_grad_norm 0", "--clip_grad_norm 0.0: must be positive"),
        ("--clip_grad_norm nan", "positive"),
        ("--disparity_smoothness -1", "negative"),
        ("--depth_supervision inf", "finite"),
        ("--model_name ../x", "plain name"),
        ("--model_name .", "plain name"),
        ("--num_layers 20", "invalid choice"),
        ("--no_such_flag", "unknown flag --no_such_flag; "),
    ],
)
def test_a_mistake_is_refused_with_its_remedy(flags: str, words: str, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(flags.split())
    assert stop.value.code == 2
    assert words in capsys.readouterr().err


def test_options_are_frozen() -> None:
    with pytest.raises(AttributeError):
        parse([]).height = 64  # type: ignore[misc]


def test_opt_json_round_trip() -> None:
    options = parse("--use_stereo --frame_ids 0 -1 1 --pose_model_type shared --data_path /x".split())
    text = options.to_json()
    assert json.loads(text)["frame_ids"] == [0, -1, 1, "s"]
    assert options_from_json(text, "opt.json") == options


def test_the_record_of_a_run_is_read_also_where_its_lists_have_moved() -> None:
    assert options_from_json('{"split": "moved/lists"}', "opt.json").split == "moved/lists"


def test_what_was_given_still_is_beside_other_values() -> None:
    options = Options.stated({"num_layers": 18, "seed": 3}).with_values({"seed": 4})
    assert (options.seed, options.is_given("num_layers"), options.is_given("height")) == (4, True, False)


def test_the_factor_of_an_earlier_version_is_read_as_the_encoders_rate() -> None:
    for factor, rate in ((0.1, 2e-5), (1.0, None), ("x", None)):
        text = json.dumps({"learning_rate": 2e-4, "encoder_lr_factor": factor})
        assert options_from_json(text, "opt.json").encoder_lr == (rate and pytest.approx(rate))


def test_the_flags_of_an_earlier_version_are_read_as_where_motion_comes_from() -> None:
    for known, tracked, now in ((True, False, "known"), (False, True, "tracked"), (False, False, "network")):
        text = json.dumps({"known_poses": known, "tracked_poses": tracked, "poses": None})
        assert options_from_json(text, "opt.json").poses == now


@pytest.mark.parametrize("text", ["[]", "{", '{"height": "high"}', '{"scales": 3}', '{"png": "yes"}', '{"height": 33}'])
def test_bad_opt_json(text: str) -> None:
    with pytest.raises(UserError):
        options_from_json(text, "opt.json")


def test_help_is_grouped_and_loads_no_torch() -> None:
    code = "import sys; sys.argv = ['train.py', '--help']\ntry:\n import train; train.main()\n"
    code += "except SystemExit: pass\nassert 'torch' not in sys.modules"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    for group in (
        "paths:",
        "training:",
        "ablation:",
        "optimization:",
        "system:",
        "loading:",
        "logging:",
    ):
        assert group in run.stdout
    assert "evaluation:" not in run.stdout


def test_source_ids_follow_frames_and_stereo() -> None:
    assert Options(frame_ids=(0,), use_stereo=True).source_ids == ("s",)
    assert Options(use_stereo=True).source_ids == (-1, 1, "s")


def test_a_recipe_is_what_nothing_else_states(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("decoder: '2019'\nlearning_rate: 0.001\n")
    words = ["--recipe", "modern", "--scales", "0", "--learning_rate", "0.002", "--config", str(tmp_path / "run.yaml")]
    modern = parse(words, command="train")
    assert (modern.scales, modern.learning_rate, modern.decoder) == ((0,), 0.002, "2019")
    rest = {
        name: value for name, value in RECIPES["modern"].items() if name not in ("scales", "learning_rate", "decoder")
    }
    assert {name: getattr(modern, name) for name in rest} == rest
    assert options_from_json(modern.to_json(), "opt.json") == modern  # spelled out
    assert parse(["--recipe", "2019"], command="train") == parse([], command="train") == Options()
    for motion in ("known", "tracked"):
        known = parse(["--recipe", "modern", "--poses", motion], command="train")
        assert (known.pose_encoder, known.motion_warmup, known.encoder) == (None, 0, "resnet10t")
    for others, steps in (
        (["--use_stereo"], 0),
        (["--predictive_mask", "--disable_automasking"], 0),
        (["--load_weights_folder", str(tmp_path)], 0),
        (["--load_weights_folder", str(tmp_path), "--models_to_load", "encoder", "depth"], 500),
        ([], 500),
    ):
        beside = parse(["--recipe", "modern", *others], command="train")
        assert (beside.pose_encoder, beside.motion_warmup) == ("test_resnet", steps)


@pytest.mark.parametrize("words", ["--weight_decay 0.01", "--crop_scale 0.5 1", "--pseudo_weight 0.1"])
def test_a_flag_that_changes_nothing_is_refused_at_its_default_too(words: str, capsys) -> None:
    defaults = f"{' '.join(map(str, Options.crop_scale))}"
    with pytest.raises(SystemExit):
        parse(words.replace("0.5 1", defaults).split(), command="train")
    assert words.split()[0] in capsys.readouterr().err


def test_recipes_are_for_training_alone(capsys) -> None:
    with pytest.raises(SystemExit):
        parse(["--recipe", "modern"], command="evaluate")
    assert "--recipe belongs to " in capsys.readouterr().err


def test_a_mistake_beside_a_recipe_names_what_the_recipe_sets(tmp_path: Path, capsys) -> None:
    for words, flag in (
        ("--scheduler_step_size 5", "--schedule"),
        ("--grad_checkpointing", "--encoder, --pose_encoder"),
    ):
        with pytest.raises(SystemExit):
            parse(["--recipe", "modern", *words.split()], command="train")
        assert f"(--recipe modern sets {flag})" in capsys.readouterr().err
    shared = parse(["--recipe", "modern", "--pose_model_type", "shared"], command="train")
    assert (shared.encoder, shared.pose_encoder) == ("resnet10t", None), "it has no encoder of its own"
    (tmp_path / "run.yaml").write_text("recipe: modern\n")
    with pytest.raises(SystemExit):
        parse(["--config", str(tmp_path / "run.yaml")], command="train")
    assert "--recipe belongs on the command line" in capsys.readouterr().err


def test_pseudo_labels_are_made_for_the_targets_that_the_training_has() -> None:
    made = PseudoLabelOptions(
        onnx="m.onnx", output="labels", output_is="depth", normalise="none", dataset="folder", frame_gap=(2, 3)
    )
    assert made.training().gaps == (2, 3)
    assert made.with_values({"poses": "tracked"}).training().poses == "tracked", "which leaves drives out"


def test_whole_numbers_of_python_become_what_files_hold() -> None:
    options = Options(baseline=1, intrinsics=(1, 2, 0.5, 0.5))
    assert [type(value) for value in (options.baseline, *options.intrinsics)] == [float] * 5
    assert type(options.batch_size) is int


LABELS = {"onnx": "m.onnx", "output": "labels", "output_is": "depth"}


@pytest.mark.parametrize(
    ("kind", "flags", "told"),
    [
        (PseudoLabelOptions, {**LABELS, "mean": (0.1, 0.2), "std": (1, 1, 1)}, "--mean 0.1 0.2: give M M M"),
        (PseudoLabelOptions, {**LABELS, "normalise": "none", "input_size": (100,)}, "--input_size 100: give H W"),
        (PrepareOptions, {"sources": ("v.mp4",), "output": "o", "crop": (1, 2, 3)}, "give LEFT TOP RIGHT BOTTOM"),
        (SyntheticOptions, {"output": "o", "intrinsics": [1, 2]}, "--intrinsics 1 2: give FX FY CX CY"),
        (SyntheticOptions, {"output": "o", "intrinsics": ()}, "--intrinsics : give FX FY CX CY"),
        (Options, {"frame_gap": (3,)}, "--frame_gap 3: give A B"),
        (Options, {"augment_crop": True, "crop_ratio": (0.9, 1.0, 1.1)}, "give MIN MAX"),
    ],
)
def test_another_number_of_values_than_a_flag_takes_is_refused(kind: type, flags: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        kind(**flags)


@pytest.mark.parametrize(
    ("kind", "words"),
    [(PredictOptions, "--image_path a.jpg"), (ExportOptions, "--output a.onnx"), (AppOptions, ""),
     (PushOptions, "--output folder")],
)  # fmt: skip
def test_the_folder_of_runs_without_a_run_is_refused_at_its_default_too(kind: type, words: str, capsys) -> None:
    folder = str(Options.log_dir)
    with pytest.raises(SystemExit):
        parse_as(kind, ["--load_weights_folder", "x", "--log_dir", folder, *words.split()])
    assert f"--log_dir {folder}: is where --run NAME is looked for" in capsys.readouterr().err


def test_what_is_about_depths_is_refused_of_a_pose_network_at_its_default_too(capsys) -> None:
    words = "--load_weights_folder x --network pose --pred_depth_scale_factor 1"
    with pytest.raises(SystemExit):
        parse_as(ExportOptions, words.split())
    assert "--pred_depth_scale_factor is about depths" in capsys.readouterr().err


def test_a_demo_of_too_few_frames_is_refused() -> None:
    with pytest.raises(UserError, match="--frames 4: must be at least 5"):
        DemoOptions(frames=4)
