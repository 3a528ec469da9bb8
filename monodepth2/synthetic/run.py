"""What `monodepth2 synthetic` does."""

from monodepth2.config.making import SyntheticOptions
from monodepth2.synthetic.drive import DriveSettings, write_synthetic_drive


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
    return 0
