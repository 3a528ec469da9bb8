"""What `monodepth2 synthetic` does."""

import shlex
from pathlib import Path

from monodepth2.config import started_as
from monodepth2.config.making import SyntheticOptions
from monodepth2.files.fit import usual_input_size
from monodepth2.synthetic.drive import DriveSettings, write_synthetic_drive
from monodepth2.synthetic.raycast import KITTI


def run(options: SyntheticOptions) -> int:
    """Render, and say where the result lies; return the exit code.

    Raises:
        UserError: a setting cannot be rendered, or the folder holds something else.
    """
    assert options.output is not None
    output = options.output.expanduser()
    settings = DriveSettings(
        drives=options.drives,
        frames_per_drive=options.frames,
        width=options.width,
        height=options.height,
        seed=options.seed,
        extension=".png" if options.png else ".jpg",
        path=options.path,
        intrinsics=options.intrinsics,
    )
    written = write_synthetic_drive(output, settings, progress=True)
    print(f"{output}: {'written' if written else 'already there'}; its split lies in {output / 'split'}")
    print(f"train on it with: {training_command(output, settings)}")
    return 0


def training_command(street: Path, settings: DriveSettings) -> str:
    """The command that trains on a street; its calibration tells a camera that is not KITTI's."""
    width, height = usual_input_size((settings.width, settings.height))
    flags = {"data_path": street, "split": street / "split", "model_name": street.resolve().name}
    flags |= {"height": height, "width": width}
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    if tuple(settings.intrinsics) != KITTI:
        words.append("--kitti_calibration")
    return f"{started_as('train')} {shlex.join(words)}"
