"""Depth of a picture, a folder or a video: `python predict.py --image_path ... --model_name mono_640x192`."""

from monodepth2.config import PredictOptions
from monodepth2.errors import run_script
from monodepth2.runtime.process import tune_process
from options import parse_as


def main() -> int:
    """Predict as the command line says."""
    options = parse_as(PredictOptions, description=__doc__)
    tune_process()
    # torch is imported only now: --help and a mistyped flag answer at once
    from monodepth2.prediction.run import predict

    return predict(options)


if __name__ == "__main__":
    run_script(main)
