"""Rendered clips with known motion: a camera that drives through a textured corridor."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from math import lcm
from pathlib import Path

import cv2
import numpy as np

SIZE = (160, 96)
QUICK = {"crf": "12", "preset": "ultrafast"}


def texture(seed: int, height: int = 256, width: int = 512) -> np.ndarray:
    """Soft spots of several sizes, float32, grey levels around 115."""
    random, total = np.random.default_rng(seed), np.full((height, width), 115, np.float32)
    for size, strength in ((4, 22), (10, 28), (32, 25)):
        spots = random.normal(size=(height // size, width // size)).astype(np.float32)
        total += strength * cv2.resize(spots, (width, height), interpolation=cv2.INTER_CUBIC)
    return total.clip(5, 250)


class Corridor:
    """A floor, a ceiling and two walls, all textured; the picture is what a pinhole 60° wide sees of it.

    Args:
        seed: of the textures.
        size: (width, height) of the pictures.
    """

    def __init__(self, seed: int = 0, size: tuple[int, int] = SIZE) -> None:
        width, height = size
        focal = 0.5 * width / np.tan(np.radians(30))
        x, y = np.meshgrid((np.arange(width) - width / 2) / focal, (np.arange(height) - height / 2) / focal)
        self.rays = x.astype(np.float32), y.astype(np.float32), np.ones_like(x, np.float32)
        self.textures = np.concatenate([texture(10 * seed + n) for n in range(4)])  # of 256 rows each
        self._view: dict[float, tuple[np.ndarray, ...]] = {}

    def picture(self, forwards: float, turned: float = 0.0) -> np.ndarray:
        """What is seen after so many metres, the camera turned by so many degrees to the right; uint8, (h, w, 3)."""
        if turned not in self._view:
            self._view = {turned: self._seen(turned)}
        depth, v, fog = self._view[turned]
        u = (depth + np.float32(forwards)) * 24 % 512
        seen = cv2.remap(self.textures, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        return np.repeat((115 + fog * (seen - 115)).astype(np.uint8)[..., None], 3, axis=2)

    def _seen(self, turned: float) -> tuple[np.ndarray, ...]:
        """How far along the corridor each ray goes, the row of the textures that it meets, and how clear that is."""
        x, y, z = self.rays
        sine, cosine = np.sin(np.radians(turned)), np.cos(np.radians(turned))
        x, z = cosine * x + sine * z, cosine * z - sine * x
        along = np.stack([2.0 / np.abs(x).clip(1e-6), 1.5 / np.abs(y).clip(1e-6)])
        on_floor = along.argmin(0) == 1
        scale = along.min(0).clip(0, 60)
        side = scale * np.where(on_floor, x, y)
        which = 2 * on_floor + np.where(on_floor, y >= 0, x >= 0)
        v = (side * 24 + 128).clip(1, 254) + 256 * which
        fog = np.exp(-scale / 25)  # what is far has no details smaller than a pixel
        return (scale * z).astype(np.float32), v.astype(np.float32), fog.astype(np.float32)


def drive(seed: int, count: int, metres: float, start: float = 0.0) -> list[np.ndarray]:
    """Pictures of a camera that moves by so many metres from one to the next."""
    corridor = Corridor(seed)
    return [corridor.picture(start + metres * n) for n in range(count)]


def write_clip(
    path: Path,
    pictures: Iterable[np.ndarray],
    rate: Fraction | int = 10,
    times: Callable[[int], float] | None = None,
    **how: object,
) -> Path:
    """Encode a video.

    Args:
        path: of the file.
        pictures: uint8, (h, w, 3).
        rate: frames per second.
        times: seconds at which each is shown (default: evenly spaced).
        how: `encoder` and its `options` (default: few losses, quickly), `turned` degrees to be shown turned by, `tags`
            of the container, `pixels` a pixel format, `aspect` of a pixel, `interval` at most between frames that need
            no other one.
    """
    import av

    unit = Fraction(1, lcm(6000, Fraction(rate).numerator))  # of time, of which a frame lasts a whole number
    with av.open(str(path), "w", options={"movflags": "faststart+use_metadata_tags"}) as container:
        container.metadata.update(how.get("tags", {}))
        stream = container.add_stream(how.get("encoder", "libx264"), rate=rate, options=how.get("options", QUICK))
        stream.codec_context.gop_size = how.get("interval", 12)
        stream.pix_fmt = how.get("pixels", "yuv420p")
        if "turned" in how:
            stream.set_display_rotation(how["turned"])
        for n, picture in enumerate(pictures):
            if n == 0:
                stream.width, stream.height = picture.shape[1], picture.shape[0]
                stream.codec_context.sample_aspect_ratio = how.get("aspect", Fraction(1))
                stream.codec_context.time_base = unit
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(unit.denominator * (times(n) if times else n / rate)), unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def grey(picture: np.ndarray) -> np.ndarray:
    return picture[..., 0].copy()


def with_still_things(pictures: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """Lay a bonnet, a logo and a mirror over pictures, with a little noise; return them and where it was done."""
    height, width = pictures[0].shape[:2]
    y, x = np.mgrid[:height, :width]
    bonnet = ((x - 0.5 * width) / (0.45 * width)) ** 2 + ((y - 1.1 * height) / (0.27 * height)) ** 2 < 1
    logo = (y > 0.07 * height) & (y < 0.2 * height) & (x > 0.05 * width) & (x < 0.25 * width)
    mirror = (y < 0.15 * height) & (x > 0.55 * width) & (x < 0.8 * width)
    painted = np.zeros((height, width))
    painted[bonnet], painted[mirror], painted[logo] = (40 + 0.2 * y)[bonnet], 30, 230
    painted[logo & (x // 3 % 2 == 0)] = 40
    still, random = bonnet | logo | mirror, np.random.default_rng(0)
    result = []
    for picture in pictures:
        noisy = np.where(
            still if picture.ndim == 2 else still[..., None],
            painted.reshape(still.shape + (1,) * (picture.ndim - 2)),
            picture,
        )
        result.append((noisy + random.normal(size=picture.shape)).clip(0, 255).astype(np.uint8))
    return result, still


def overlap(found: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union."""
    return float((found & truth).sum() / (found | truth).sum())
