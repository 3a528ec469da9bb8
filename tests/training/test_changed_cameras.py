from pathlib import Path

from monodepth2.config import Options
from monodepth2.training.run_record import record_start


def test_a_run_that_goes_on_with_another_camera_says_so(tmp_path: Path) -> None:
    options, told = Options(log_dir=tmp_path, model_name="run"), []
    options.run_folder.mkdir()
    older, newer = {"pictures": "a"}, {"pictures": "a", "cameras": "fx 0.58"}
    record_start(options, 0, older, False, told.append)
    record_start(options, 5, newer, True, told.append)  # what an earlier version did not record is no change
    assert not told
    record_start(options, 6, {**newer, "cameras": "fx 0.7"}, True, told.append)
    assert told == ["pictures or cameras have changed since this run was started last: it goes on with the new ones"]
