"""For `torch.hub.load("OWNER/REPOSITORY", "monodepth2", NAME)`: a model as a function of pictures."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monodepth2.prediction.predictor import DepthPredictor

dependencies = ["torch", "torchvision", "numpy", "PIL", "pooch", "tqdm"]  # torch.hub looks for them


def monodepth2(name: str, device: str = "auto", **how: object) -> "DepthPredictor":
    """Load a depth network.

    Args:
        name: USER/MODEL on the Hugging Face hub, the name of a published model of 2019, a folder or an `.onnx` file;
            see `DepthPredictor.from_pretrained`.
        device: where to predict: auto, cpu, cuda or mps.
        how: what else `DepthPredictor.from_checkpoint` takes.

    Raises:
        UserError: there is no such model, or it cannot be had.
    """
    from monodepth2.prediction.predictor import DepthPredictor

    return DepthPredictor.from_pretrained(name, device, **how)
