"""Keep a split's pictures at training size: `python cache_pictures.py --data_path kitti_data --cache_dir FOLDER`.

Training with the same flags reads them from there; it would also make them itself, before its first step.
"""

from monodepth2.config import CacheOptions
from monodepth2.errors import run_script
from options import parse_as


def main() -> None:
    """Fill the cache as the command line says."""
    options = parse_as(CacheOptions, description=__doc__).training()
    from monodepth2.datasets.picture_cache import fill_cache

    print(fill_cache(options))


if __name__ == "__main__":
    run_script(main)
