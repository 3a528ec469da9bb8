"""Options in a YAML file: what is read is what a command line would say, and what was written."""

import re
from pathlib import Path

import pytest

from monodepth2.config import Options, PredictOptions, started_as
from monodepth2.config.config_file import config_text, read_config
from monodepth2.errors import UserError
from options import parse, parse_as


def written(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text)
    return path


def test_what_is_written_is_read_again(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lists").mkdir()
    words = "--data_path 2011_09_26 --model_name on --learning_rate 1e-5 --frame_ids 0 -1 1 --use_stereo --split lists"
    options = parse([*words.split(), "--log_dir", "a folder: of 'mine'", "--crop_top", "0.5", "--overwrite"])
    path = written(tmp_path, config_text(options, without=("overwrite",)))
    values = read_config(path, Options)
    assert values == {
        "data_path": tmp_path / "2011_09_26",
        "log_dir": tmp_path / "a folder: of 'mine'",
        "model_name": "on",
        "split": str(tmp_path / "lists"),
        "frame_ids": (0, -1, 1),  # given, though it is the default
        "use_stereo": True,
        "crop_top": 0.5,
        "learning_rate": 1e-5,
    }
    again = parse(["--config", str(path)])
    assert again.given == set(values)
    assert config_text(again) == path.read_text()


def test_of_python_what_differs_from_the_defaults_is_written(tmp_path: Path) -> None:
    path = written(tmp_path, config_text(Options(height=96, frame_ids=(0, 1))))
    assert read_config(path, Options) == {"height": 96, "frame_ids": (0, 1)}
    assert read_config(written(tmp_path, config_text(Options())), Options) == {}


def test_values_are_words_as_on_the_command_line(tmp_path: Path) -> None:
    """YAML would make a date, a truth, an octal number and a text of them."""
    path = written(tmp_path, "data_path: 2011_09_26\nchannels_last: on\nheight: 0192\nlearning_rate: 5e-5\nscales: 0\n")
    options = parse(["--config", str(path)])
    assert options.data_path == Path("2011_09_26")
    assert options.channels_last == "on"
    assert (options.height, options.learning_rate, options.scales) == (192, 5e-5, (0,))


def test_the_command_line_wins(tmp_path: Path) -> None:
    path = written(tmp_path, "height: 96\nwidth: 128\n")
    options = parse(["--config", str(path), "--height", "64"])
    assert (options.height, options.width, options.given) == (64, 128, {"height", "width"})
    empty = parse_as(PredictOptions, ["--config", str(written(tmp_path, "{}")), "--image_path", "a", "--run", "b"])
    assert empty.given == {"image_path", "run"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("heigth: 3", "line 1: there is no option 'heigth'; did you mean height?"),
        ("tracked_poses: true", "no option 'tracked_poses'; --poses tracked has taken its place"),
        ("height: 96\nheight: 64", "line 2: height is stated twice"),
        ("height: high", "line 1: height is 'high', which is no whole number"),
        ("height: 9.5", "no whole number"),
        ("fov: wide", "no number"),
        ("\nheight:", "line 2: height has no value"),
        ("height: [96]", "takes one value"),
        ("scales: [[0]]", "takes one value"),
        ("scales: {a: 1}", "takes one value"),
        ("png: 1", "write true or false"),
        ("[1]: 2", "there is no option"),
        ("- height", "states no options"),
        ("", "states no options"),
        ("height: [96", "no YAML file"),
        ("a: 1\n---\nb: 2", "no YAML file"),
        ("a: " + 16_000 * "[", "no YAML file"),
        ("scales: &a [*a]", "no YAML file|takes one value"),
        ("fit: !!python/object/apply:os.system ['touch gone']", "takes one value"),
        (" " * 17_000, "too many"),
        ("num_layers: 20", "choose from 18"),
        ("eval_mono: true", f"--eval_mono belongs to {started_as('evaluate')}: "),
    ],
)
def test_a_mistake_is_told_in_one_line(text: str, words: str, tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(["--config", str(written(tmp_path, text))], command="train")
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert re.search(words if "|" in words else re.escape(words), error), error
    assert error.count("\n") == 1


def test_a_missing_file_is_told() -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml cannot be read"):
        read_config(Path("nowhere.yaml"), Options)
