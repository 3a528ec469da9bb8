"""How to predict and what to write, decided once."""

from dataclasses import dataclass, field
from pathlib import Path

from monodepth2.errors import tell
from monodepth2.prediction.cameras import unknown_shape
from monodepth2.prediction.naming import RECORDING_KIND, VIDEO_KIND, Label, Naming, of_frames
from monodepth2.prediction.outputs import Settings, write_output
from monodepth2.prediction.predictor import DepthPrediction, DepthPredictor


@dataclass(frozen=True)
class Job:
    """A prediction that is ready to start.

    Attributes:
        predictor: the network.
        naming: of the files.
        kinds: of output.
        moves: whether pictures are frames of a video or a stream, of which some kinds join all into one file.
        settings: how predictions are expressed.
        batch_size: pictures per pass of the network.
        post_process: average with the predictions of the mirrored pictures.
        stabilise: keep the scale of depth steady from frame to frame.
        told: the warning of pictures of an unknown shape, once it was told.
    """

    predictor: DepthPredictor
    naming: Naming
    kinds: tuple[str, ...]
    moves: bool
    settings: Settings
    batch_size: int
    post_process: bool
    stabilise: bool
    told: list[str] = field(default_factory=list)

    @property
    def with_video(self) -> bool:
        """Whether frames are joined to a video that shows them beside their disparity."""
        return self.moves and VIDEO_KIND in self.kinds

    def recording_path(self, label: Label) -> Path | None:
        """Where the recording of all frames for rerun's viewer goes; None where there is to be none."""
        return self.naming.path(label, RECORDING_KIND) if self.moves and RECORDING_KIND in self.kinds else None

    def write(self, label: Label, prediction: DepthPrediction, settings: Settings) -> bool:
        """Write every kind of output of one picture or frame that has a file of its own.

        Returns:
            Whether all values fitted into their files.

        Raises:
            UserError: a file cannot be written.
        """
        if not self.told and (warning := unknown_shape(prediction.facts, prediction.picture.size)):
            self.told.append(warning)
            tell(warning)
        kinds = of_frames(self.kinds) if self.moves else self.kinds
        fitted = [write_output(self.naming.path(label, kind), kind, prediction, settings) for kind in kinds]
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
