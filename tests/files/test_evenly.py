from monodepth2.files.evenly import evenly


def test_things_are_chosen_evenly() -> None:
    assert evenly(range(100), 4) == [0, 33, 66, 99]
    assert evenly(range(2), 4) == [0, 1]
    assert evenly([], 4) == []


def test_none_is_chosen_twice() -> None:
    for many in range(1, 60):
        for count in range(1, many + 1):
            assert len(set(evenly(range(many), count))) == count
