"""What passes from frame to frame of a video or a stream: the range of its colours, and the scale of its depths.

Legend of shapes: h' w' pixels of the network.
"""

import math
from dataclasses import replace

import numpy as np
from PIL import Image

from monodepth2.pages.colours import disparity_limits
from monodepth2.prediction.outputs import Settings
from monodepth2.prediction.predictor import DepthPrediction

SECONDS = 0.8  # in which a mean comes by 63 % nearer to what has changed
THUMBNAIL = (32, 18)
# A drive's frames differ by 0.04 of the range of grey, by 0.09 at most and by 0.27 at two frames per second; frames of
# different scenes by 0.25 and more. So a cut is what differs several times as much as is usual here.
LEAST_CHANGE = 0.12
TIMES_THE_USUAL = 3
SHARE_OF_LAST = 0.1  # of the last change in the usual one


class Steadiness:
    """Follows a video or a stream frame by frame, and starts anew at its cuts.

    Args:
        stabilise: keep the scale of depth steady, too.
    """

    def __init__(self, stabilise: bool) -> None:
        self._cuts = CutFinder()
        self._limits = SlowMean()
        self._scale = SteadyScale() if stabilise else None
        self._time = 0.0

    def follow(self, prediction: DepthPrediction, settings: Settings, time: float) -> tuple[DepthPrediction, Settings]:
        """Express the next frame as the frames before it ask for.

        Args:
            prediction: of the frame.
            settings: of the whole video.
            time: of the frame in seconds; must grow.

        Returns:
            The prediction, of another scale where that is kept steady, and the settings that fit it, colours included.
        """
        seconds, self._time = time - self._time, time
        if self._cuts.is_cut(prediction.picture):
            seconds = math.inf
        if self._scale:
            factor = self._scale.follow(prediction.network_disp, seconds)
            prediction = replace(prediction, network_disp=np.float32(factor) * prediction.network_disp)
            nearest, farthest = settings.min_depth / factor, settings.max_depth / factor
            settings = replace(settings, min_depth=nearest, max_depth=farthest)
        low, high = self._limits.follow(np.array(disparity_limits(prediction.network_disp)), seconds).tolist()
        return prediction, replace(settings, limits=(low, high))


class SlowMean:
    """An exponential mean: what is older counts less."""

    def __init__(self) -> None:
        self.value: np.ndarray | None = None

    def follow(self, values: np.ndarray, seconds: float) -> np.ndarray:
        """Return the mean with the next values.

        Args:
            values: any shape.
            seconds: since those before them; infinite where these shall not count.
        """
        kept = math.exp(-seconds / SECONDS)
        self.value = values if self.value is None else kept * self.value + (1 - kept) * values
        return self.value


class SteadyScale:
    """Takes the flicker out of the scale of disparities, and leaves what changes slowly."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._log_scale = np.zeros(())  # of the network, since the last cut
        self._mean = SlowMean()

    def follow(self, disp_hw: np.ndarray, seconds: float) -> float:
        """Return the factor that brings a frame's disparities to the steady scale.

        Args:
            disp_hw: of the network, positive, (h', w').
            seconds: since the frame before; infinite at a cut.
        """
        if self._last is None or math.isinf(seconds):
            self._log_scale = np.zeros(())
        else:
            self._log_scale = self._log_scale + np.log(np.median(disp_hw / self._last))
        self._last = disp_hw
        return float(np.exp(self._mean.follow(self._log_scale, seconds) - self._log_scale))


class CutFinder:
    """Tells where a video shows another scene at once."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._usual = 0.0

    def is_cut(self, picture: Image.Image) -> bool:
        """Whether a frame has little to do with the one before it."""
        grey = np.asarray(picture.convert("L").resize(THUMBNAIL, Image.Resampling.BOX), np.float32) / 255
        last, self._last = self._last, grey
        if last is None:
            return False
        change = float(np.abs(grey - last).mean())
        is_cut = change > max(LEAST_CHANGE, TIMES_THE_USUAL * self._usual)
        self._usual += SHARE_OF_LAST * (change - self._usual)
        return is_cut
