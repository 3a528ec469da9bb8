"""Does a new pose network find how the camera turns? `python benchmarks/pose_networks.py`.

A camera in the hand turns by some 5 pixels from frame to frame. Depth is the true one, so that the motion is all there
is to learn. Each network learns it with the paper's loss and with a warm-up (`--motion_warmup`), and from the true
motion itself, which shows what the network can do at all. The table has the correlation of the turns it states with the
true ones over its last 400 samples: 1 if they are right, 0 if they are chance.
"""

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F
from small_runs import NETWORK
from tabulate import tabulate
from torch import Tensor

from monodepth2.config import Options
from monodepth2.datasets.cameras import Camera
from monodepth2.method.geometry import disp_of_depth, transform_from_parameters
from monodepth2.method.losses import Objective
from monodepth2.method.losses.warm_up import coarse_batch, columns_at, without_choice
from monodepth2.method.model import MonodepthModel
from monodepth2.method.stages import Batch, Predictions
from monodepth2.method.view_synthesis import ViewSynthesis
from monodepth2.synthetic import DriveSettings
from monodepth2.synthetic.raycast import camera
from monodepth2.synthetic.render import render

NETWORKS = ("resnet18", "resnet10t", "test_resnet", "mobilenetv3_small_050", "mobilenetv4_conv_small_050", "posecnn")
TEACHERS = ("paper", "warm-up", "true motion")
DRIVE = DriveSettings(3, 160, 320, 180, path="handheld", intrinsics=(0.7, 0.7 * 320 / 180, 0.5, 0.5))
HEIGHT, WIDTH, BATCH, LAST = 96, 192, 4, 100
NEAR, FAR = 0.1, 100.0  # metres; the sky is at the far end


def main() -> None:
    """Render, train, print a table after each training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="NAME", help="backbones of timm, or posecnn")
    parser.add_argument("--teachers", nargs="+", default=TEACHERS, choices=TEACHERS)
    parser.add_argument("--steps", type=int, default=500, help=f"of {BATCH} samples")
    arguments = parser.parse_args()
    frames = rendered()
    rows = []
    for name in arguments.networks:
        for teacher in arguments.teachers:
            rows.append(measured(frames, name, teacher, arguments.steps))
            print(tabulate(rows, headers="keys", floatfmt=".2f"), flush=True)


def rendered() -> tuple[Tensor, Tensor, Tensor]:
    """Pictures, disparities of the network, and poses (world_T_camera) of all frames."""
    pictures, disps, poses = [], [], []
    view = camera(DRIVE.width, DRIVE.height, intrinsics=DRIVE.intrinsics)
    for drive in range(DRIVE.drives):
        street = DRIVE.street(drive)
        for frame in range(DRIVE.frames_per_drive):
            picture, depth = render(street, frame, view)
            pictures.append(torch.from_numpy(picture).permute(2, 0, 1) / 255)
            disps.append(torch.from_numpy(1 / np.minimum(depth, FAR))[None].float())
            poses.append(torch.from_numpy(street.pose(frame)))
    size = {"size": (HEIGHT, WIDTH), "mode": "area"}
    depth = 1 / F.interpolate(torch.stack(disps), **size)
    return F.interpolate(torch.stack(pictures), **size), disp_of_depth(depth, NEAR, FAR), torch.stack(poses)


def measured(frames: tuple[Tensor, Tensor, Tensor], name: str, teacher: str, steps: int) -> dict[str, object]:
    """Train one pose network, and return its row."""
    torch.manual_seed(0)
    kind = {"pose_model_type": "posecnn", "pose_encoder": None} if name == "posecnn" else {"pose_encoder": name}
    size = {"height": HEIGHT, "width": WIDTH, "min_depth": NEAR, "max_depth": FAR}
    options = Options(**{**NETWORK, **size, "motion_warmup": 0, **kind})
    model = MonodepthModel(options)
    networks = [network for part, network in model.networks.items() if part.startswith("pose")]
    weights = [parameter for network in networks for parameter in network.parameters()]
    optimizer = torch.optim.AdamW(weights, 4e-4)
    synthesis, objective = ViewSynthesis.from_options(options), Objective.from_options(options)
    drawn = np.random.default_rng(0)
    places = [n for n in range(len(frames[0])) if 0 < n % DRIVE.frames_per_drive < DRIVE.frames_per_drive - 1]
    stated, true = [], []
    started = time.process_time()
    for step in range(steps):
        batch, disp, motions = sample(
            frames, torch.from_numpy(drawn.choice(places, BATCH)), mirrored=drawn.random() < 0.5
        )
        poses = model.motions(batch.color_aug)
        transforms = {
            i: transform_from_parameters(pose.axisangle, pose.translation, pose.invert) for i, pose in poses.items()
        }
        if teacher == "true motion":
            loss = sum(
                (100 * (turn(transforms[i]) - turn(motion)).abs().mean() for i, motion in motions.items()),
                torch.zeros(()),
            )
        else:
            seen, judge = batch, objective
            if teacher == "warm-up" and (columns := columns_at(step, steps)):
                seen, judge = coarse_batch(batch, columns), without_choice(objective)
            said = Predictions({0: disp}, poses)
            loss = judge(seen, said, synthesis(seen, said)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step >= steps - LAST:
            stated += [turn(transforms[i])[:, 1].detach() for i in motions]
            true += [turn(motion)[:, 1] for motion in motions.values()]
    seconds = time.process_time() - started
    both = torch.stack([torch.cat(stated), torch.cat(true)])
    return {
        "pose network": name,
        "M parameters": sum(weight.numel() for weight in weights) / 1e6,
        "learns from": teacher,
        "correlation": torch.corrcoef(both)[0, 1].item(),
        "error, pixels": (both[0] - both[1]).square().mean().sqrt().item() * DRIVE.intrinsics[0] * WIDTH,
        "ms per step": 1e3 * seconds / steps,
    }


def sample(
    frames: tuple[Tensor, Tensor, Tensor], places: Tensor, mirrored: bool
) -> tuple[Batch, Tensor, dict[int, Tensor]]:
    """A batch, its true disparity, and its true motions (source_T_target)."""
    pictures, disps, poses = frames
    color = {i: pictures[places + i] for i in (0, -1, 1)}
    disp = disps[places]
    motions = {i: (torch.linalg.inv(poses[places + i]) @ poses[places]).float() for i in (-1, 1)}
    if mirrored:
        mirror = torch.diag(torch.tensor([-1.0, 1, 1, 1]))
        color, disp = {i: picture.flip(3) for i, picture in color.items()}, disp.flip(3)
        motions = {i: mirror @ motion @ mirror for i, motion in motions.items()}
    K = torch.from_numpy(Camera(*DRIVE.intrinsics).matrix(WIDTH, HEIGHT)).repeat(BATCH, 1, 1)
    levels = {i: {0: picture} for i, picture in color.items()}
    return Batch(levels, color, {0: K}, None, places, places < 0), disp, motions


def turn(transform_b44: Tensor) -> Tensor:
    """Small rotations as axis-angles, b3, in radians."""
    R = transform_b44[:, :3, :3]
    return torch.stack([R[:, 2, 1] - R[:, 1, 2], R[:, 0, 2] - R[:, 2, 0], R[:, 1, 0] - R[:, 0, 1]], 1) / 2


if __name__ == "__main__":
    main()
