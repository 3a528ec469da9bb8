"""A sentence on whether a run has learnt, from figures of held-out frames."""

import math
from typing import NamedTuple

from monodepth2.config import MOTION_WARMUP, Options
from monodepth2.method.losses.photometric import STILL_ERROR
from monodepth2.report.evidence import Figures

# by how much the warp lowers the error: untrained networks have -0.1 to -0.6, 91 frames of KITTI had -0.13 after 252
# steps from scratch; a rendered street learnt from scratch at 192x64 came to 0 after 9 epochs of 26 steps, to 0.17
# after 13, 0.20 after 14 and 0.36 after 16; its exact depth and motion have 0.70
LEARNT_GAIN = 0.25
LITTLE_GAIN = 0.05
LEAST_VARIATION = 0.05  # of disparity: untrained and collapsed networks have 0 to 0.03, that street 0.25 to 1
COLLAPSED = 0.001  # below, the network says one number: after 22 steps from scratch a street had 0.015
LEAST_ACROSS = 0.06  # within rows: a network that knows only roads has 0.09 to 0.14, that street's exact depth 0.43
LEAST_MOTION = 0.1  # pixels, as training's own diagnosis says
MOST_DISAGREEMENT = 0.15  # of neighbours' depths: that street has 0.02 to 0.06, its exact depth 0.0005


class Verdict(NamedTuple):
    """What is to be said of a run.

    Attributes:
        kind: "learnt", "little", "nothing", or "unknown" where there was nothing to judge by.
        sentence: the verdict, why, and what to do.
        remarks: further sentences on what looks unusual.
    """

    kind: str
    sentence: str
    remarks: list[str]


def judge(figures: Figures, options: Options, taught: str = "") -> Verdict:
    """Say whether a run has learnt, and from what beside pictures (`TrainingFacts.taught`)."""
    learnt_from = [f"It has also learnt from {taught}."] if taught else []
    for found in (_broken(figures), _still(figures, options), _identity(figures, options), _flat(figures, options)):
        if found:
            what = "nothing from the video" if taught else "nothing"
            return Verdict("nothing", f"It has learnt {what}: {found}.", learnt_from)
    kind, sentence = _by_gain(figures, options)
    return Verdict(kind, sentence, [*learnt_from, *_remarks(figures)])


def _broken(figures: Figures) -> str | None:
    if math.isfinite(figures.variation) and math.isfinite(figures.gain):
        return None
    return "its predictions are not finite numbers. Take an earlier checkpoint, and train with a lower --learning_rate"


def _still(figures: Figures, options: Options) -> str | None:
    if not figures.difference < STILL_ERROR:
        return None
    if not options.temporal_ids:
        return (
            f"the held-out pictures of the two cameras are alike, they differ by {figures.difference:.4f} on average. "
            "Mend the pictures of the second camera"
        )
    return (
        f"nothing moves in the held-out frames, a frame and its sources differ by {figures.difference:.4f} on average. "
        f"Take pictures of a moving camera, or frames farther apart ({_farther(options)})"
    )


def _identity(figures: Figures, options: Options) -> str | None:
    if not options.temporal_ids or options.knows_motion or not figures.motion < LEAST_MOTION:
        return None
    return (
        f"the motion network says that the camera stands still, its motion moves pixels by {figures.motion:.2f} only. "
        "Networks begin like this: train longer. If that changes nothing, neighbouring frames differ too little: take "
        f"frames farther apart ({_farther(options)})"
    )


def _farther(options: Options) -> str:
    return f"{options.farther_frames}, or prepare the video with a larger --gap"


def _flat(figures: Figures, options: Options) -> str | None:
    if not figures.variation < LEAST_VARIATION:
        return None
    found = f"the depth is nearly the same everywhere, the disparity varies by {figures.variation:.1%} of its mean"
    if figures.gain >= LITTLE_GAIN and not options.knows_motion:
        return (
            f"{found}, and the motion alone lowers the error by {figures.gain:.0%}. Networks begin like this: train "
            "longer. If that changes nothing, the camera only turns, or moves too little to see depth: take pictures "
            "of a camera that moves forward or sideways"
        )
    if figures.variation < COLLAPSED and not options.start_depth:
        return (
            f"{found}: the network has collapsed, and training on does not change it. Train anew with half the "
            f"learning rate (--learning_rate {options.learning_rate / 2:g}) or less smoothness (--disparity_smoothness "
            f"{options.disparity_smoothness / 10:g})"
        )
    return (
        f"{found}. Networks begin like this: train longer. If the loss does not fall any more, use half the learning "
        f"rate (--learning_rate {options.learning_rate / 2:g})"
    )


def _by_gain(figures: Figures, options: Options) -> tuple[str, str]:
    """The verdict by what the warp is good for."""
    change = f"{figures.gain:.0%} lower than" if figures.gain >= 0 else f"{-figures.gain:.0%} higher than"
    if figures.gain < -1:
        change = f"{1 - figures.gain:.0f} times as large as"
    found = (
        f"on held-out frames the neighbours, warped through the predicted depth and motion, have an error {change} "
        f"without the warp, and explain {figures.explained:.0%} of the pixels better"
    )
    if figures.gain >= LEARNT_GAIN:
        return "learnt", f"It has learnt: {found}."
    if figures.gain >= LITTLE_GAIN:
        return "little", f"It has learnt a little: {found}. Train longer (more --num_epochs, with --resume)."
    begun = options.motion_warmup or options.load_weights_folder
    cold = options.temporal_ids and not (options.knows_motion or options.use_stereo or begun)
    warm_up = f"A new run finds the motion sooner with --motion_warmup {MOTION_WARMUP}. " if cold else ""
    return "nothing", (
        f"It has learnt nothing that helps so far: {found}. Networks begin like this: train longer (more --num_epochs, "
        f"with --resume). {warm_up}If the loss does not fall any more, check the camera that the run names in its "
        "first line, and that neighbouring frames show the same scene a moment earlier and later (--frame_ids)."
    )


def _remarks(figures: Figures) -> list[str]:
    remarks = []
    if figures.near_below < 1:
        remarks.append(
            "The lower part of the pictures is not nearer than the upper part. On a vehicle the road below is near and "
            "the sky above is far: look at the pictures. If your camera looks at something else, this may be right."
        )
    if figures.across < LEAST_ACROSS:
        remarks.append(
            f"Within a row of the picture the disparity varies by only {figures.across:.0%} of its mean: the network "
            "knows that lower rows are nearer, and sees nothing that stands on the ground. On an empty road this may "
            "be right. Else train longer, or on more pictures."
        )
    if figures.disagreement > MOST_DISAGREEMENT:
        remarks.append(
            f"The depths of neighbouring frames disagree by {figures.disagreement:.0%}: the depth flickers, or the "
            "motion is wrong. Train longer, or on more pictures."
        )
    return remarks
