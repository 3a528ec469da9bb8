"""Which videos and folders of frames a command names, and whether they can be read at all."""

import math
from pathlib import Path

from monodepth2.config.prepare import PrepareOptions
from monodepth2.errors import UserError, counted, tell
from monodepth2.files.picture_names import ENDINGS, frame_names, natural_key
from monodepth2.prepare.frames import of_commonest_size
from monodepth2.prepare.sources import FrameFolder, Source, Video

VIDEO_ENDINGS = (".mp4", ".mov", ".avi", ".mkv", ".m4v", ".webm", ".mts", ".ts")  # that a folder is searched for


def find_sources(options: PrepareOptions) -> list[Source]:
    """Check that all there is can be opened and has frames.

    Raises:
        UserError: a path does not exist, is no video, or a folder with neither pictures nor videos; or --crop does not
            fit one of them.
    """
    end = float("inf") if options.end is None else options.end
    most_fps = max(options.most_fps, 1 / options.gap if options.gap else 0)  # else the frames between are not looked at
    named = [path.expanduser() for path in options.sources]
    paths = [one for path in named for one in _videos_in(path)]
    sources: list[Source] = [
        FrameFolder(path, options.start, end, most_fps, fps=options.fps)
        if path.is_dir()
        else Video(path, options.start, end, most_fps)
        for path in paths
    ]
    if len(paths) > len(options.sources) and (options.start or options.end is not None):
        raise UserError("--start and --end are for one video, and a folder holds several: name the video, or drop them")
    places = [source.path.resolve() for source in sources]
    if twice := next((source for source, place in zip(sources, places, strict=True) if places.count(place) > 1), None):
        raise UserError(f"{twice.path}: is named twice; drop one of them")
    if options.fps and not any(isinstance(source, FrameFolder) for source in sources):
        raise UserError("--fps is the rate of a folder of frames, and a video states its own: drop it")
    usable = [source for source in sources if _is_usable(source, source.path in named)]
    if not usable:
        raise UserError(f"{named[0]}: none of its videos can be read")
    if options.crop:
        for source in usable:
            _check_crop(options.crop, source)
    return usable


def _is_usable(source: Source, named: bool) -> bool:
    """Whether a source has frames that can be read; of a folder's videos those without are left out, and told.

    Raises:
        UserError: it has none, and was named itself.
    """
    try:
        _check_source(source)
    except UserError as error:
        if named:
            raise
        tell(f"left out: {error}")
        return False
    return True


def _check_source(source: Source) -> None:
    if isinstance(source, FrameFolder):
        if not source.paths:
            raise UserError(
                f"{source.path}: holds no pictures ({' '.join(ENDINGS)}) and no videos "
                f"({' '.join(VIDEO_ENDINGS)}) itself; name a video, or the very folder of the frames or videos"
            )
    elif not source.path.exists():
        raise UserError(f"{source.path}: no such file or folder; name a video or a folder of frames")
    elif source.path.suffix.lower() in ENDINGS and source.path.suffix.lower() != ".gif":
        raise UserError(f"{source.path}: is a picture; name a video or a folder of frames")
    if next(source.samples(), None) is None:
        raise no_frame(source)


def no_frame(source: Source) -> UserError:
    """The error of a source in which no frame can be read."""
    if source.start or source.end < math.inf:
        return UserError(f"{source.path}: holds no frame between --start and --end that can be decoded; change them")
    return UserError(f"{source.path}: holds no frame that can be decoded; copy it anew, or leave it out")


def _check_crop(crop: tuple[int, ...], source: Source) -> None:
    width, height = of_commonest_size(source.samples())[0].size
    if crop[2] > width or crop[3] > height:
        raise UserError(
            f"--crop {' '.join(map(str, crop))}: {source.path} has frames of {width} x {height} pixels; give a part of "
            "these, and prepare videos of other sizes apart"
        )


def _videos_in(path: Path) -> list[Path]:
    """The videos of a folder, each once, in natural order, as cameras in cars write them; else the path.

    Raises:
        UserError: a folder holds pictures, and as many videos or more, so that either may be meant.
    """
    if not path.is_dir():
        return [path]
    found = [one for one in path.iterdir() if one.suffix.lower() in VIDEO_ENDINGS and one.is_file()]
    shown = [one for one in found if not one.name.startswith(".")]
    once = {one.resolve(): one for one in sorted(shown, key=Path.is_symlink, reverse=True)}  # the file, not its links
    videos = sorted(once.values(), key=lambda one: natural_key(one.name))
    pictures = frame_names(path)
    if pictures and len(pictures) <= len(videos):
        raise UserError(
            f"{path}: holds {counted(len(videos), 'video')} and {counted(len(pictures), 'picture')}; name the videos "
            "themselves, or move the pictures to another folder"
        )
    if pictures and videos:
        tell(
            f"{path}: its pictures ({len(pictures)}) are taken as frames that follow one another; its videos "
            f"({len(videos)}) are left out: name the videos themselves to use them"
        )
    return videos if videos and not pictures else [path]
