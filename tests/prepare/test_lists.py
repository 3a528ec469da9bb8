"""Lists that share no moment between training and validation."""

import pytest

from monodepth2.prepare.lists import Stretch, make_lists


def test_two_seconds_lie_between_training_and_validation() -> None:
    lists = make_lists([Stretch("b", 6, 0.1), Stretch("a", 200, 0.1), Stretch("c", 100, 0.5)])
    frames = {
        folder: [[line.frame for line in lists[part] if line.folder == folder] for part in ("train", "val")]
        for folder in "abc"
    }
    assert frames["b"] == [[1, 2, 3, 4], []]
    for folder, pictures, gap in (("a", 200, 0.1), ("c", 100, 0.5)):
        training, validation = frames[folder]
        first = {"a": 1, "c": 5}[folder]  # two seconds after what validates of the drive before
        assert training == list(range(first, first + len(training)))
        assert validation[-1] == pictures - 2
        assert len(validation) == (pictures - 1 - first) // 10
        assert (validation[0] - training[-1]) * gap >= 2


def test_two_seconds_lie_between_drives_of_which_one_goes_on_where_the_other_ends() -> None:
    """Through a drive that is shorter than these; one that is too short to be parted then is trained on."""
    lists = make_lists([Stretch("a", 200, 0.1), Stretch("b", 6, 0.1), Stretch("c", 38, 0.1), Stretch("d", 9, 0.1)])
    assert {line.folder for line in lists["val"]} == {"a"}
    assert [line.frame for line in lists["train"] if line.folder == "c"] == list(range(15, 37))
    assert [line.frame for line in lists["train"] if line.folder == "d"] == list(range(1, 8))
    assert not [line for line in lists["train"] if line.folder == "b"]


@pytest.mark.parametrize("pictures", [5, 8, 20])
def test_a_short_data_set_has_validation_too(pictures: int) -> None:
    lists = make_lists([Stretch("b", 5, 0.5), Stretch("a", pictures, 0.5)])
    assert lists["val"]
    assert lists["train"]
    assert not set(lists["val"]) & set(lists["train"])
    assert {line.folder for line in lists["train"]} == {"a", "b"}
