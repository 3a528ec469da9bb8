"""How to predict and what to write, decided once."""

from dataclasses import dataclass, field
from pathlib import Path

from monodepth2.errors import tell
from monodepth2.prediction.cameras import unknown_shape
from monodepth2.prediction.naming import RECORDING_KIND, Label, Naming
from monodepth2.prediction.outputs import Settings, write_output
from monodepth2.prediction.predictor import DepthPrediction, DepthPredictor


@dataclass(frozen=True)
class Job:
    """A prediction that is ready to start.

    Attributes:
        predictor: the network.
        naming: of the files.
        kinds: of output for each picture or frame.
        with_video: whether frames are also joined to a video that shows them beside their disparity.
        settings: how predictions are expressed.
        batch_size: pictures per pass of the network.
        post_process: average with the predictions of the mirrored pictures.
        stabilise: keep the scale of depth steady from frame to frame.
        with_recording: whether frames are also joined to a recording for rerun's viewer.
        told: the warning of pictures of an unknown shape, once it was told.
    """

    predictor: DepthPredictor
    naming: Naming
    kinds: tuple[str, ...]
    with_video: bool
    settings: Settings
    batch_size: int
    post_process: bool
    stabilise: bool
    with_recording: bool = False
    told: list[str] = field(default_factory=list)

    def recording_path(self, label: Label) -> Path | None:
        """Where the recording of all frames goes; None where there is to be none."""
        return self.naming.path(label, RECORDING_KIND) if self.with_recording else None

    def write(self, label: Label, prediction: DepthPrediction, settings: Settings) -> bool:
        """Write every kind of output of one picture or frame.

        Returns:
            Whether all values fitted into their files.

        Raises:
            UserError: a file cannot be written.
        """
        if not self.told and (warning := unknown_shape(prediction.facts, prediction.picture.size)):
            self.told.append(warning)
            tell(warning)
        fitted = [write_output(self.naming.path(label, kind), kind, prediction, settings) for kind in self.kinds]
        return all(fitted)


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        done: how many pictures or frames were predicted.
        whole: whether all that were tried could be.
        cut: how many have values that did not fit into a file, and were cut off there.
        dropped: how many frames of a stream came while the network worked, and were left out.
    """

    done: int
    whole: bool
    cut: int
    dropped: int = 0
