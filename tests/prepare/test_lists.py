"""Lists that share no moment between training and validation."""

import pytest

from monodepth2.prepare.lists import Stretch, make_lists


def test_two_seconds_lie_between_training_and_validation() -> None:
    lists = make_lists([Stretch("a", 200, 0.1), Stretch("b", 6, 0.1), Stretch("c", 100, 0.5)])
    frames = {
        folder: [[line.frame for line in lists[part] if line.folder == folder] for part in ("train", "val")]
        for folder in "abc"
    }
    assert frames["b"] == [[1, 2, 3, 4], []]
    for folder, pictures, gap in (("a", 200, 0.1), ("c", 100, 0.5)):
        training, validation = frames[folder]
        assert training == list(range(1, len(training) + 1))
        assert validation[-1] == pictures - 2
        assert len(validation) == (pictures - 2) // 10
        assert (validation[0] - training[-1]) * gap >= 2


@pytest.mark.parametrize("pictures", [5, 8, 20])
def test_a_short_data_set_has_validation_too(pictures: int) -> None:
    lists = make_lists([Stretch("a", pictures, 0.5), Stretch("b", 5, 0.5)])
    assert lists["val"]
    assert lists["train"]
    assert not set(lists["val"]) & set(lists["train"])
    assert {line.folder for line in lists["train"]} == {"a", "b"}
