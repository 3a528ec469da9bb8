"""A short drive made of formulas: true camera poses, and a noisy prediction of every step in another scale.

The figures of `odometry.json` were computed by the 2019 implementation on it.
"""

import numpy as np

SCALE = 0.03  # of the prediction's translations
NOISE = 0.01  # of its translations before scaling
TURN_NOISE = 0.02  # radians


def trajectory(seed: int, frames: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Return poses, camera to world, (frames, 4, 4), and predicted steps, frame to next frame, (frames - 1, 4, 4)."""
    rng = np.random.default_rng(seed)
    poses, predicted = [np.eye(4)], []
    for frame in range(frames - 1):
        motion = _motion(frame, seed)
        poses.append(poses[-1] @ motion)
        predicted.append(_disturbed(np.linalg.inv(motion), rng))
    return np.array(poses), np.array(predicted)


def _motion(frame: int, seed: int) -> np.ndarray:
    """The pose of the next frame in this one: about 0.8 m ahead along a winding road."""
    motion = np.eye(4)
    motion[:3, :3] = _yaw(0.02 * np.sin(frame / 5 + seed))
    motion[:3, 3] = 0.02 * np.sin(frame), 0.01 * np.cos(frame), 0.8 + 0.1 * np.cos(frame / 3)
    return motion


def _disturbed(step: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A step with noise in rotation and translation, scaled."""
    shift = rng.normal(0, NOISE, 3)
    yaw, pitch = rng.normal(0, TURN_NOISE, 2)
    disturbed = step.copy()
    disturbed[:3, :3] = _yaw(yaw) @ _pitch(pitch) @ step[:3, :3]
    disturbed[:3, 3] = SCALE * (step[:3, 3] + shift)
    return disturbed


def _yaw(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def _pitch(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
