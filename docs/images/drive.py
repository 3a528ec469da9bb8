"""Makes `drive.webp` of a video that `monodepth2 predict` wrote: `python docs/images/drive.py VIDEO`.

The pictures are the first seven seconds of Udacity's `harder_challenge_video.mp4`, see drive.txt; docs/results.md tells
how the network was trained that shows their disparity.
"""

import sys
from itertools import islice
from pathlib import Path

from monodepth2.files.videos import VideoReader

FRAMES, FRAMES_PER_SECOND = 88, 12.5


def main(video: Path) -> None:
    """Read and write."""
    with VideoReader(video) as reader:
        first, *others = islice(reader.frames(), FRAMES)
    how = {"duration": 1000 / FRAMES_PER_SECOND, "loop": 0, "quality": 65, "method": 6}
    first.save(Path(__file__).with_name("drive.webp"), save_all=True, append_images=others, **how)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
