"""Depth of a picture, a folder, a video or a stream: `python predict.py --image_path ... --model_name mono_640x192`."""

from monodepth2.command.main import start
from monodepth2.errors import run_script


def main() -> int:
    """Predict as the command line says."""
    return start("predict")


if __name__ == "__main__":
    run_script(main)
