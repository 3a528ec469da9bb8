"""A page on which people try a network: a picture, a video, a cloud of points to turn. Made with gradio.

Legend of shapes: h w pixels.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np

from monodepth2.checkpoints.named import resolve_weights
from monodepth2.config import AppOptions
from monodepth2.errors import UserError
from monodepth2.pages.colours import coloured_disparity
from monodepth2.prediction.cameras import camera_of_points
from monodepth2.prediction.job import Job
from monodepth2.prediction.naming import VIDEO_KIND, Label, Naming
from monodepth2.prediction.outputs import Settings, write_output
from monodepth2.prediction.point_cloud import point_cloud
from monodepth2.prediction.predictor import DepthPrediction, DepthPredictor
from monodepth2.runtime.devices import pick_device
from monodepth2.runtime.extras import require_packages
from monodepth2.runtime.signals import StopRequest

MOST_POINTS = 200_000  # that a browser turns without a stutter
SECONDS_KEPT = 3600  # of results
FILES = ("depth_npy", "ply")  # of a picture, to take along
BUTTONS = {"picture": ["download", "fullscreen"], "video": ["download"]}  # none that sends what is shown to others
PACKAGES = ("gradio", "trimesh", "av", "plyfile")


def run(options: AppOptions) -> int:
    """Show the page until Ctrl-C; return the exit code.

    Raises:
        UserError: the network cannot be had, a package is missing, or the port is taken.
    """
    require_packages("app", "pages to try a network", *PACKAGES)
    predictor = predictor_of(options)
    with tempfile.TemporaryDirectory() as folder:
        page = build(predictor, Path(folder))
        try:
            # show_error: also what gradio itself finds wrong with a file
            page.launch(server_name="127.0.0.1", server_port=options.port, show_error=True)
        except OSError as error:
            raise UserError(
                f"--port {options.port}: cannot be used; another program may have it, give another"
            ) from error
    return 0


def predictor_of(options: AppOptions) -> DepthPredictor:
    """Load the network that the options name.

    Raises:
        UserError: it cannot be had.
    """
    weights = resolve_weights(options.load_weights_folder, options.model_name, options.run, options.log_dir)
    device = pick_device(options.device, options.no_cuda)
    return DepthPredictor.from_checkpoint(weights, device, height=options.height, width=options.width)


def build(predictor: DepthPredictor, folder: Path) -> Any:
    """Return the page, gradio's `Blocks`.

    Args:
        predictor: the network that it shows.
        folder: that receives the results.
    """
    import gradio

    settings = settings_of(predictor)
    title = f"Depth of {predictor.width} x {predictor.height} pictures, in {settings.unit}"
    # nothing is told to others; gradio's copies of results are removed as those in the folder are
    with gradio.Blocks(title=title, analytics_enabled=False, delete_cache=(SECONDS_KEPT, SECONDS_KEPT)) as page:
        _, camera = camera_of_points(None, predictor.network.facts)
        gradio.Markdown(
            f"# {title}\nBright is near. Pictures that differ from those of the training come out worse. "
            f"For the cloud of points {camera}."
        )
        with gradio.Tab("Picture"):
            with gradio.Row():
                # as it is: gradio's own conversion makes 16 bits white, and shows what is transparent
                picture = gradio.Image(type="filepath", image_mode=None, label="picture", buttons=BUTTONS["picture"])
                disparity = gradio.Image(label="disparity", buttons=BUTTONS["picture"])
            cloud = gradio.Model3D(label="cloud of points: drag to turn it")
            files = gradio.File(label="depth as an array, points as PLY")
            show = _told(lambda path: picture_results(predictor, settings, path, folder))
            picture.change(show, picture, [disparity, cloud, files], api_name="picture")
        with gradio.Tab("Video"):
            labels = ("video", "beside its disparity")
            video, beside = (gradio.Video(label=label, buttons=BUTTONS["video"]) for label in labels)
            show = _told(lambda path: video_result(predictor, settings, path, folder))
            video.upload(show, video, beside, api_name="video")
    return page


def settings_of(predictor: DepthPredictor) -> Settings:
    """How the page expresses depth: in metres where the network knows them."""
    network = predictor.network
    known = network.facts.known_scale((network.min_depth, network.max_depth))
    factor, unit = (1.0, "network units") if known is None else (known, "metres")
    camera, _ = camera_of_points(None, network.facts)
    return Settings(factor, unit, network.min_depth, network.max_depth, "magma", camera)


def picture_results(
    predictor: DepthPredictor, settings: Settings, path: str | None, folder: Path
) -> tuple[np.ndarray | None, str | None, list[str] | None]:
    """Return the coloured disparity, uint8, (h, w, 3), a GLB file of points, and files to take along.

    There is no file of points where all of the picture is as far away as the sky.

    Args:
        predictor: the network.
        settings: how depth is expressed.
        path: of the picture; None where it was taken away.
        folder: that receives the files, in a folder of their own.

    Raises:
        UserError: the picture cannot be read.
    """
    if path is None:
        return None, None, None
    prediction = predictor.predict(path)
    naming = Naming(_fresh(folder), "{stem}_{kind}")
    label = Label.of(Path(path))
    for kind in FILES:
        write_output(naming.path(label, kind), kind, prediction, settings)
    glb = naming.folder / "points.glb"
    cloud = str(glb) if write_glb(glb, prediction, settings) else None
    return coloured_disparity(prediction.disp), cloud, [str(naming.path(label, kind)) for kind in FILES]


def video_result(predictor: DepthPredictor, settings: Settings, path: str | None, folder: Path) -> str | None:
    """Return an MP4 file of a video beside its disparity.

    Raises:
        UserError: no frame of the video can be read.
    """
    from monodepth2.prediction.from_video import predict_video  # which needs PyAV, an optional dependency

    if path is None:
        return None
    naming = Naming(_fresh(folder), "{stem}_{kind}")
    job = Job(predictor, naming, (VIDEO_KIND,), True, settings, 8, post_process=False, stabilise=False)
    predict_video(Path(path), job, StopRequest())
    return str(naming.video_path(Label.of(Path(path))))


def write_glb(path: Path, prediction: DepthPrediction, settings: Settings) -> bool:
    """Write evenly chosen points of a picture for viewers in browsers: x right, y up, z backward.

    Returns:
        Whether there are any, and so the file.
    """
    picture = prediction.picture
    camera = settings.pinhole(picture.width, picture.height)
    points = point_cloud(settings.depth(prediction), np.asarray(picture), camera, settings.farthest)
    if not len(points):
        return False
    import trimesh  # an optional dependency

    points = points[:: max(1, -(-len(points) // MOST_POINTS))]
    places = np.stack([points["x"], -points["y"], -points["z"]], 1)
    colours = np.stack([points["red"], points["green"], points["blue"]], 1)
    trimesh.PointCloud(places, colours).export(str(path))
    return True


def _fresh(folder: Path) -> Path:
    """Return a new folder for a result, and remove old ones."""
    for old in folder.iterdir():
        with suppress(FileNotFoundError):  # another request may have removed it just now
            if old.stat().st_mtime < time.time() - SECONDS_KEPT:
                shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=folder))


def _told(work: Callable[[str | None], Any]) -> Callable[[str | None], Any]:
    """Show a user's mistake on the page, in its own words."""
    import gradio

    @wraps(work)
    def told(path: str | None) -> Any:
        try:
            return work(path)
        except UserError as error:
            text = str(error).replace(str(path), Path(str(path)).name)  # it lies in a folder of gradio's
            raise gradio.Error(text, print_exception=False) from error

    return told
