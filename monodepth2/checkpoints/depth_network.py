"""The depth network of a checkpoint as one function from picture to disparity."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from monodepth2.checkpoints.facts import TrainingFacts
from monodepth2.checkpoints.kinds import backbone_of, input_size, kind_of_decoder, num_layers
from monodepth2.checkpoints.networks import load_state, network_file, read_network, weights_folder
from monodepth2.checkpoints.records import trained_facts
from monodepth2.checkpoints.undrawn import Undrawn
from monodepth2.errors import UserError
from monodepth2.method.geometry import disp_to_depth
from monodepth2.method.networks import Decoder, Encoder, ResnetEncoder, TimmEncoder, make_decoder


class DepthNetwork(nn.Module):
    """Encoder and decoder of a checkpoint as one function from image to disparity.

    Attributes:
        height: input height of the checkpoint.
        width: input width of the checkpoint.
        min_depth: nearest depth that it expresses, in its own unit.
        max_depth: farthest.
        facts: what is known of its training.
    """

    def __init__(
        self,
        encoder: Encoder,
        depth: Decoder,
        height: int,
        width: int,
        *,
        min_depth: float = 0.1,
        max_depth: float = 100.0,
        facts: TrainingFacts | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.depth = encoder, depth
        self.height, self.width = height, width
        self.min_depth, self.max_depth = min_depth, max_depth
        self.facts = facts or TrainingFacts()

    def forward(self, image_b3hw: Tensor) -> Tensor:
        """Return the scaled disparity (1 / depth) of images in [0, 1], at the finest scale there is, b1hw."""
        disps = self.depth(self.encoder(image_b3hw))
        return disp_to_depth(disps[min(disps)], self.min_depth, self.max_depth)[0]


def load_depth_network(
    folder: Path,
    device: torch.device,
    min_depth: float | None = None,
    max_depth: float | None = None,
    height: int | None = None,
    width: int | None = None,
) -> DepthNetwork:
    """Load the depth network of a checkpoint folder; its ResNet and scales are read off the tensors.

    Args:
        folder: holds `encoder.pth` and `depth.pth`.
        device: where the network is to run.
        min_depth: nearest depth that it expresses; by default as it was trained.
        max_depth: farthest.
        height: of its pictures, where `encoder.pth` does not state it.
        width: likewise.

    Raises:
        UserError: the folder or its files are missing or unusable.
    """
    folder = weights_folder(folder)
    encoder_path, depth_path = network_file(folder, "encoder"), network_file(folder, "depth")
    encoder_state, depth_state = read_network(encoder_path), read_network(depth_path)
    height, width = input_size(encoder_state, encoder_path, height, width)
    encoder = _load_encoder(encoder_state, encoder_path, (height, width))
    decoder = _load_decoder(encoder, depth_state, depth_path)
    facts = trained_facts(encoder_state, folder)
    nearest = facts.min_depth if min_depth is None else min_depth
    farthest = facts.max_depth if max_depth is None else max_depth
    if nearest >= farthest:
        trained = f"{folder} was trained with --min_depth {facts.min_depth:g} --max_depth {facts.max_depth:g}"
        raise UserError(f"a nearest depth of {nearest:g} and a farthest of {farthest:g} are no range; {trained}")
    network = DepthNetwork(encoder, decoder, height, width, min_depth=nearest, max_depth=farthest, facts=facts)
    return network.eval().to(device)


def _load_encoder(state: dict[str, Any], path: Path, size: tuple[int, int]) -> Encoder:
    """Build the encoder that a state dict belongs to, for pictures of this size, and load it."""
    backbone = backbone_of(state, path)
    with Undrawn():
        encoder = TimmEncoder(backbone[0], size) if backbone else ResnetEncoder(num_layers(state, path))
    load_state(encoder, state, path)
    return encoder


def _load_decoder(encoder: Encoder, state: dict[str, Any], path: Path) -> Decoder:
    """Build the decoder that a state dict belongs to, for this encoder, and load it."""
    kind, scales = kind_of_decoder(state, path)
    with Undrawn():
        decoder = make_decoder(kind, encoder.num_ch_enc, scales)
    load_state(decoder, state, path)
    return decoder
