"""From a checkpoint to an `.onnx` file that is known to say the same."""

from monodepth2.onnx.export import Exported, export

__all__ = ["Exported", "export"]
