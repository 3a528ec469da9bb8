"""How far a predicted trajectory is from the true one: snippets, KITTI's segments, the whole after alignment.

Legend of shapes: n poses, k segments. Frames as in `trajectories`: `world_T_camera` poses, `next_T_this` steps.
"""

from dataclasses import dataclass

import numpy as np

from monodepth2.datasets.trajectories import distances, multiplied, scaled, steps

SNIPPET = 5  # frames
LENGTHS = (100, 200, 300, 400, 500, 600, 700, 800)  # of KITTI's segments in metres
START_EVERY = 10  # frames


def snippet_errors(true_steps: np.ndarray, predicted_steps: np.ndarray) -> np.ndarray:
    """Return the error of the snippet that starts at each frame but the last, (n - 1,); metres if the truth is.

    As Zhou et al., "Unsupervised Learning of Depth and Ego-Motion from Video", CVPR 2017, and the tables of
    monodepth2 have it: positions are chained of the steps as they are, not of their inverses; the prediction is
    scaled to the truth by least squares; the error is the root of the *sum* of squares over the number of frames.
    Snippets are shorter at the end.
    """
    errors = []
    for start in range(len(true_steps)):
        both = (taken[start : start + SNIPPET - 1] for taken in (true_steps, predicted_steps))
        errors.append(_snippet_error(*(multiplied(taken)[:, :3, 3] for taken in both)))
    return np.array(errors)


def _snippet_error(true_n3: np.ndarray, predicted_n3: np.ndarray) -> float:
    squares = (predicted_n3**2).sum()
    scale = (true_n3 * predicted_n3).sum() / squares if squares else 1.0
    return float(np.linalg.norm(scale * predicted_n3 - true_n3) / len(true_n3))


@dataclass(frozen=True)
class Similarity:
    """A similarity: x to scale * rotation @ x + translation.

    Attributes:
        scale: 1 for a rigid motion.
        rotation: (3, 3).
        translation: (3,).
    """

    scale: float
    rotation: np.ndarray
    translation: np.ndarray

    def __call__(self, positions_n3: np.ndarray) -> np.ndarray:
        """Return transformed positions, (n, 3)."""
        return self.scale * positions_n3 @ self.rotation.T + self.translation


def align(positions_n3: np.ndarray, onto_n3: np.ndarray, with_scale: bool) -> Similarity:
    """Return the similarity (or rigid motion) that brings positions nearest to others, in the sum of squares.

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991,
    equations 40 to 42. Where the positions all coincide every scale serves; it is 1.
    """
    mean, onto_mean = positions_n3.mean(0), onto_n3.mean(0)
    centred, onto_centred = positions_n3 - mean, onto_n3 - onto_mean
    U, singular, Vt = np.linalg.svd(onto_centred.T @ centred / len(positions_n3))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(U) * np.linalg.det(Vt))])  # no reflections
    rotation = U * signs @ Vt
    variance = (centred**2).sum() / len(positions_n3)
    scale = float(singular @ signs / variance) if with_scale and not coincide(positions_n3) else 1.0
    return Similarity(scale, rotation, onto_mean - scale * rotation @ mean)


def coincide(positions_n3: np.ndarray) -> bool:
    """Whether all positions are the same but for rounding."""
    return bool(np.ptp(positions_n3, axis=0).max() <= 1e-12 * np.abs(positions_n3).max())


def root_mean_square(positions_n3: np.ndarray, others_n3: np.ndarray) -> float:
    """Return the root of the mean squared distance between positions."""
    return float(np.sqrt(((positions_n3 - others_n3) ** 2).sum(1).mean()))


@dataclass(frozen=True)
class SegmentErrors:
    """KITTI's errors of every segment.

    Attributes:
        first: the segments' first frames, (k,).
        length: their lengths in metres, (k,).
        translation: per cent of the length, (k,).
        rotation: degrees per 100 m, (k,).
    """

    first: np.ndarray
    length: np.ndarray
    translation: np.ndarray
    rotation: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def count(self, length: float | None = None) -> int:
        """Return the number of all segments, or of those of one length."""
        return int(self._chosen(length).sum())

    def means(self, length: float | None = None) -> tuple[float, float] | None:
        """Return the mean t_err and r_err, of all segments or those of one length; None where there are none."""
        chosen = self._chosen(length)
        if not chosen.any():
            return None
        return float(self.translation[chosen].mean()), float(self.rotation[chosen].mean())

    def _chosen(self, length: float | None) -> np.ndarray:
        return np.full(len(self), True) if length is None else self.length == length


def segment_errors(true_n44: np.ndarray, predicted_n44: np.ndarray) -> SegmentErrors:
    """Return the errors of KITTI's odometry benchmark (Geiger et al., "Are we ready for Autonomous Driving?", 2012).

    A segment starts at every tenth frame, per length of 100 to 800 m, and ends at the first frame that is farther
    than that along the true path. Its error is the motion between the predicted and the true end, seen from a common
    start; both parts are divided by the length.

    Args:
        true_n44: poses in metres.
        predicted_n44: poses in metres.
    """
    path = distances(true_n44)
    rows = []
    for first in range(0, len(path), START_EVERY):
        for length in LENGTHS:
            last = int(np.searchsorted(path, path[first] + length, side="right"))
            if last < len(path):
                error = _between(predicted_n44, last, first) @ _between(true_n44, first, last)
                rows.append([first, length, 100 * np.linalg.norm(error[:3, 3]) / length, 100 * _angle(error) / length])
    first_k, length_k, translation_k, rotation_k = np.array(rows).reshape(-1, 4).T
    return SegmentErrors(first_k.astype(int), length_k, translation_k, rotation_k)


def _between(world_T_camera_n44: np.ndarray, a: int, b: int) -> np.ndarray:
    """`a_T_b`."""
    return np.linalg.inv(world_T_camera_n44[a]) @ world_T_camera_n44[b]


def _angle(transform_44: np.ndarray) -> float:
    """The angle of a transform's rotation, in degrees."""
    return float(np.degrees(np.arccos(np.clip((np.trace(transform_44[:3, :3]) - 1) / 2, -1, 1))))


@dataclass(frozen=True)
class OdometryFigures:
    """All figures of a trajectory.

    Attributes:
        metric: the prediction claims metres; else it was scaled to the truth before the segments' errors.
        snippets: error per start frame, (n - 1,).
        segments: KITTI's errors.
        sim3: the similarity that brings the prediction onto the truth.
        se3: the rigid motion that does.
        ate_sim3: root mean square of the distances between positions after `sim3`, in metres.
        ate_se3: after `se3`; means nothing where the prediction is not metric.
    """

    metric: bool
    snippets: np.ndarray
    segments: SegmentErrors
    sim3: Similarity
    se3: Similarity
    ate_sim3: float
    ate_se3: float

    @property
    def alignment(self) -> Similarity:
        """The alignment that fits the prediction's claim."""
        return self.se3 if self.metric else self.sim3

    @property
    def ate(self) -> float:
        """The error of the whole trajectory after that alignment."""
        return self.ate_se3 if self.metric else self.ate_sim3


def odometry_figures(true_n44: np.ndarray, predicted_n44: np.ndarray, metric: bool) -> OdometryFigures:
    """Return all figures of a prediction.

    Args:
        true_n44: poses in metres, at least two.
        predicted_n44: poses of the same frames, in metres only if `metric`.
        metric: whether they are in metres.
    """
    true_n3, predicted_n3 = true_n44[:, :3, 3], predicted_n44[:, :3, 3]
    sim3, se3 = (align(predicted_n3, true_n3, with_scale) for with_scale in (True, False))
    return OdometryFigures(
        metric=metric,
        snippets=snippet_errors(steps(true_n44), steps(predicted_n44)),
        segments=segment_errors(true_n44, predicted_n44 if metric else scaled(predicted_n44, sim3.scale)),
        sim3=sim3,
        se3=se3,
        ate_sim3=root_mean_square(sim3(predicted_n3), true_n3),
        ate_se3=root_mean_square(se3(predicted_n3), true_n3),
    )
