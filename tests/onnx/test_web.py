"""The page for the browser: what is written, where onnxruntime-web comes from, and what a real browser makes of it."""

import base64
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import onnxruntime
import plyfile
import pytest
from PIL import Image

import chromium
from chromium import in_browser_test, served
from monodepth2.config.tools import ExportOptions
from monodepth2.errors import UserError
from monodepth2.files.fit import Fit
from monodepth2.files.pictures import resize
from monodepth2.onnx.export import export
from monodepth2.onnx.web_page import PAGE, check_input
from monodepth2.onnx.web_runtime import FILES, VERSION, web_runtime
from monodepth2.pages.colours import coloured, coloured_disparity
from monodepth2.prediction.predictor import DepthPredictor
from scripts import in_process
from trees import linked

ARCHIVE = f"onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
# a third of the weights of a ResNet-18
OPTIONS = {"encoder": "resnet10t", "use_stereo": True, "min_depth": 0.2, "max_depth": 50.0}


@pytest.fixture(scope="module")
def weights(checkpoint) -> Path:
    return checkpoint(**OPTIONS)


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A folder that looks like an unpacked onnxruntime-web."""
    (tmp_path / "package/dist").mkdir(parents=True)
    for name in (*FILES, "ort.all.js"):
        (tmp_path / "package/dist" / name).write_text(f"content of {name}")
    return tmp_path / "package"


@pytest.fixture
def mirror(runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A registry on this machine with that archive, and an empty cache; lends the archive's SHA-256."""
    archive = tmp_path / "registry" / ARCHIVE
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as file:
        file.add(runtime, "package")
    monkeypatch.setenv("MONODEPTH2_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with served(tmp_path / "registry") as address:
        monkeypatch.setenv("npm_config_registry", address)
        yield hashlib.sha256(archive.read_bytes()).hexdigest()


def test_the_folder_holds_all_that_the_page_asks_for(weights: Path, runtime: Path, tmp_path: Path) -> None:
    page = tmp_path / "page"
    flags = ("--load_weights_folder", weights, "--pred_metric_depth", "--web", page, "--web_runtime", runtime)
    done = in_process("export_depth", *flags)
    assert done.returncode == 0, done.stderr
    assert f"python -m http.server --bind 127.0.0.1 --directory {page}" in done.stdout
    texts = "".join(path.read_text() for path in page.iterdir() if path.suffix in (".html", ".js"))
    # those that onnxruntime-web asks for beside itself are the others
    assert {path.name for path in page.iterdir() if path.name not in texts} == {"index.html", FILES[1], FILES[3]}
    for name in FILES:
        assert (page / name.replace(".mjs", ".js")).read_text() == f"content of {name}"

    told = json.loads((page / "model.json").read_text())
    content = (page / "model.onnx").read_bytes()
    assert (told["bytes"], told["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert told["metadata"]["depth_unit"] == "m"
    assert told["metadata"]["depth_factor"] == pytest.approx(5.4)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    disp = session.run(["disp"], {"image": check_input(64, 96).numpy()})[0].flatten()
    np.testing.assert_allclose(told["check"]["disp"], disp[:: 64 * 96 // 64], rtol=1e-5)
    np.testing.assert_array_equal(told["colours"]["turbo"][128], coloured(np.array([[128 / 255]]), "turbo")[0, 0])


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_points_of_a_cut_picture_lie_where_the_camera_sees_them(tmp_path: Path) -> None:
    """Of a picture of 128 x 72 the lower 128 x 32 are seen: all of them lie below the axis but for the first rows."""
    Path(shutil.copy(PAGE / "cloud.js", tmp_path / "cloud.mjs"))
    program = """
        import { pointsOf } from "./cloud.mjs";
        const disp = { values: new Float32Array(128 * 32).fill(0.1), width: 128, height: 32 };
        const shown = { disp, rgb: new Uint8Array(3), rgbWidth: 1, rgbHeight: 1, centre: [0.5, (36 - 40) / 32] };
        const { buffer, count } = pointsOf(shown, { depth_factor: 1, max_depth: 100 }, 0.5, 32 / 128);
        console.log(JSON.stringify([...new Float32Array(buffer)].filter((_, n) => n % 4 < 3)));
    """
    (tmp_path / "program.mjs").write_text(program)
    done = subprocess.run(["node", tmp_path / "program.mjs"], capture_output=True, text=True, check=True)
    found = np.array(json.loads(done.stdout)).reshape(32, 128, 3)
    v, u = np.mgrid[40:72, 0:128] + 0.5
    focal = 0.5 * 128  # in pixels
    expected = np.stack([(u - 64) / focal * 10, (v - 36) / focal * 10, np.full_like(u, 10)], -1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"web_runtime": "x"}, "add --web FOLDER"),
        ({"web": "x", "output": "y.onnx"}, "model.onnx"),
        ({"web": "x", "network": "pose"}, "shows depth"),
        ({"web": "x", "batch_size": 2}, "one picture at a time"),
    ],
)
def test_what_a_page_cannot_be_made_of_is_refused(flags: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ExportOptions(load_weights_folder=Path("w"), **flags)


def test_a_runtime_that_is_not_whole_is_named_before_the_work(weights: Path, runtime: Path, tmp_path: Path) -> None:
    (runtime / "dist" / FILES[1]).unlink()
    options = ExportOptions(load_weights_folder=weights, web=tmp_path / "page", web_runtime=runtime)
    with pytest.raises(UserError, match=f"--web_runtime .* holds no {FILES[1]}; .*npm pack onnxruntime-web@{VERSION}"):
        export(options)
    assert not (tmp_path / "page").exists()


def test_a_folder_of_other_files_is_left_alone(weights: Path, runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("mine")
    with pytest.raises(UserError, match=r"--web .*/site: holds an index.html that is not of this program"):
        export(ExportOptions(load_weights_folder=weights, web=tmp_path / "site", web_runtime=runtime))
    assert (tmp_path / "site/index.html").read_text() == "mine"
    assert len(list((tmp_path / "site").iterdir())) == 1
    (tmp_path / "site/model.json").write_text('{"format": "layers-model"}')  # TensorFlow.js calls its models so
    with pytest.raises(UserError, match="not of this program"):
        export(ExportOptions(load_weights_folder=weights, web=tmp_path / "site", web_runtime=runtime))


def test_the_runtime_is_fetched_once(mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("monodepth2.onnx.web_runtime.SHA256", mirror)
    files = web_runtime(None)
    assert ARCHIVE in capsys.readouterr().err
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")  # where nothing is
    assert web_runtime(None) == files
    assert {name: path.read_text() for name, path in files.items()} == {name: f"content of {name}" for name in FILES}
    assert {path.name for path in (tmp_path / f"cache/onnxruntime-web-{VERSION}").iterdir()} == set(FILES)


def test_another_archive_and_no_network_are_told_with_the_remedy(
    mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=f"has SHA256 {mirror} instead of .*--web_runtime FOLDER"):
        web_runtime(None)
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=f"http://127.0.0.1:9/{ARCHIVE}: cannot be fetched .*--web_runtime FOLDER"):
        web_runtime(None)
    assert list((tmp_path / f"cache/onnxruntime-web-{VERSION}").iterdir()) == []


# --- in a real browser

CONTROL = 2  # of the protocol's modifiers
STATUS = "document.querySelector('#status').textContent"


@pytest.fixture(scope="module")
def folder(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small network's page, with the true onnxruntime-web; never write into it."""
    try:
        web_runtime(None)
    except UserError as error:
        pytest.skip(f"no onnxruntime-web: {error}")
    folder = tmp_path_factory.mktemp("page")
    export(ExportOptions(load_weights_folder=weights, pred_metric_depth=True, web=folder))
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[chromium.Page]:
    """The page, loaded; then its server is gone."""
    with chromium.chromium() as page:
        with served(folder) as address:
            page.open(address)
            page.wait_for(f"/ready|cannot/.test({STATUS})")
            # for a test of its own, while there is a server
            page.run("import('./resize.js').then((module) => { globalThis.resizing = module })")
        yield page


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (9, 24, 3), dtype=np.uint8))
    small.resize((311, 94), Image.Resampling.BICUBIC).save(path)
    return path


def look(page: chromium.Page, path: Path) -> str:
    """Choose a file; return what the page says of it in the end."""
    page.choose_file("#file", path)
    return page.wait_for(f"({STATUS}.includes({path.name!r}) && !{STATUS}.endsWith('is opened.')) && {STATUS}")


@in_browser_test
def test_points_and_colours_are_those_of_python(
    page: chromium.Page, picture: Path, weights: Path, tmp_path: Path
) -> None:
    assert "took" in look(page, picture)
    assert "metres" in page.run("document.querySelector('#facts').textContent")
    predicted = DepthPredictor.from_checkpoint(weights, device="cpu").predict(picture)
    depth = 5.4 / predicted.network_disp
    v, u = np.nonzero(depth < 0.99 * 50 * 5.4)
    ply = plyfile.PlyData.read(page.download("document.querySelector('#save-ply').click()", tmp_path))
    assert "in metres" in ply.comments[0]
    points = ply["vertex"].data
    z = depth[v, u]
    np.testing.assert_allclose(points["z"], z, rtol=1e-3)
    focal = 0.5 / np.tan(np.radians(82 / 2))  # of the slider, in whole degrees
    np.testing.assert_allclose(points["x"], ((u + 0.5) / 96 - 0.5) * z / focal, rtol=2e-3)
    np.testing.assert_allclose(points["y"], ((v + 0.5) / 64 - 0.5) * 94 / 311 * z / focal, rtol=2e-3)
    small = np.array(resize(predicted.picture, 96, 64))
    found = np.stack([points[name] for name in ("red", "green", "blue")], -1)
    np.testing.assert_array_equal(found, small[v, u])

    saved = page.download("document.querySelector('#save-png').click()", tmp_path)
    assert Image.open(saved).size == (311, 94)
    script = "[...document.querySelector('#depth').getContext('2d').getImageData(0, 0, 96, 64).data]"
    colours = np.array(page.run(script)).reshape(64, 96, 4)[..., :3]
    expected = coloured_disparity(predicted.network_disp).astype(int)
    assert (abs(colours - expected).max(-1) <= 8).mean() > 0.99  # a neighbour among the colours, where digits differ


@in_browser_test
def test_pictures_are_resized_as_pillow_does(page: chromium.Page) -> None:
    rng = np.random.default_rng(0)
    for width, height, fit in ((311, 94, Fit()), (97, 61, Fit()), (96, 64, Fit()), (311, 94, Fit("crop", 0.2))):
        rgba = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
        rgba[..., 3] = 255
        text = base64.b64encode(rgba.tobytes()).decode()
        found = page.run(
            f"(() => {{ const rgba = Uint8Array.from(atob('{text}'), (c) => c.charCodeAt(0));"
            f"const box = resizing.boxOf({width}, {height}, 96, 64, {json.dumps([fit.kind, fit.crop_top])});"
            f"return [...resizing.resize(rgba, {width}, {height}, box, 96, 64)]; }})()"
        )
        expected = np.array(resize(Image.fromarray(rgba[..., :3]), 96, 64, fit))
        np.testing.assert_array_equal(np.array(found).reshape(64, 96, 3), expected)


@in_browser_test
def test_a_wrong_file_gets_a_sentence(page: chromium.Page, tmp_path: Path) -> None:
    for name in ("notes.txt", "broken.png", "broken.mp4"):
        (tmp_path / name).write_text("no picture")
        assert look(page, tmp_path / name).startswith(f"{name} is neither a picture nor a video")
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    (tmp_path / "whole.png").write_bytes(buffer.getvalue())
    assert "took" in look(page, tmp_path / "whole.png")  # and the page goes on


@in_browser_test
def test_videos_and_cameras_play(page: chromium.Page, tmp_path: Path) -> None:
    with av.open(tmp_path / "video.webm", "w") as container:
        stream = container.add_stream("libvpx", rate=10)
        stream.width, stream.height = 128, 96
        for n in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((96, 128, 3), 20 * n, np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    page.choose_file("#file", tmp_path / "video.webm")
    page.wait_for(f"{STATUS}.includes('pictures per second')")
    assert page.run("document.querySelector('#picture').width") == 128
    page.run("document.querySelector('#camera').click()")
    page.wait_for(f"document.querySelector('#picture').width != 128 && {STATUS}.includes('pictures per second')")
    assert page.run("document.querySelector('#pause').hidden") is False
    page.run("document.querySelector('#pause').click()")
    assert page.run("document.querySelector('#pause').textContent") == "Go on"


@in_browser_test
def test_the_view_turns_with_the_keyboard(page: chromium.Page, picture: Path) -> None:
    assert "took" in look(page, picture)
    views = []
    for key in ("Home", "ArrowLeft", "+", "Home"):
        page.run("document.querySelector('#cloud').focus()")
        page.press(key)
        views.append(page.run("document.querySelector('#cloud').toDataURL()"))
    assert views[0] == views[3]
    assert len(set(views)) == 3
    page.press("+", modifiers=CONTROL)  # makes the whole page larger, and is not for the view
    assert page.run("document.querySelector('#cloud').toDataURL()") == views[3]


@in_browser_test
def test_nothing_is_asked_of_the_network_but_the_page_s_own_files(page: chromium.Page, picture: Path) -> None:
    assert "took" in look(page, picture)  # although the server is gone
    asked = {address.removeprefix("blob:") for address in page.requests if not address.startswith("data:")}
    assert any("model.onnx" in address for address in asked)  # of the worker
    assert all(address.startswith("http://127.0.0.1:") for address in asked)
    assert page.run("fetch('http://localhost:9/').then(() => 'sent', () => 'refused')") == "refused"


@in_browser_test
def test_a_network_that_computes_something_else_is_not_used(folder: Path, tmp_path: Path) -> None:
    copy = linked(folder, tmp_path / "page")
    told = json.loads((copy / "model.json").read_text())
    told["check"]["disp"][-1] *= 1.1
    (copy / "model.json").unlink()
    (copy / "model.json").write_text(json.dumps(told))
    with served(copy) as address, chromium.chromium() as page:
        page.open(address)
        assert "computes other depths than Python" in page.wait_for(f"/ready|cannot/.test({STATUS}) && {STATUS}")
        assert page.run("document.querySelector('#file').disabled") is True
