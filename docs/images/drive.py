"""Makes `drive.webp` of a video of `monodepth2 predict`: `python docs/images/drive.py VIDEO`.

The video is `solidWhiteRight.mp4` of https://github.com/udacity/CarND-LaneLines-P1 (MIT licence, copyright Udacity)
beside its disparity; docs/results.md tells how the network was trained.
"""

import sys
from pathlib import Path

from PIL import Image

from monodepth2.files.videos import VideoReader

WIDTH = 640
EVERY = 2  # of 25 frames per second


def main(video: Path) -> None:
    """Read, shrink, write."""
    shown = []
    with VideoReader(video) as reader:
        for number, frame in enumerate(reader.frames()):
            if number % EVERY == 0:
                height = round(frame.height * WIDTH / frame.width)
                shown.append(frame.resize((WIDTH, height), Image.Resampling.BOX))
    output = Path(__file__).with_name("drive.webp")
    shown[0].save(output, save_all=True, append_images=shown[1:], duration=40 * EVERY, loop=0, quality=50, method=4)
    print(f"{output}: {len(shown)} frames, {output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
