"""From a checkpoint to an `.onnx` file that is known to say the same."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else onnxruntime reports to its makers; read when it is imported
