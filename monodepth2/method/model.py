"""The depth network and the pose network of the chosen kind; owns the temporal order of pairs."""

import torch
from torch import Tensor, nn

from monodepth2.config import FrameId, Options
from monodepth2.method.geometry import disp_of_depth
from monodepth2.method.networks import (
    DepthDecoder,
    HrDecoder,
    LearntFocals,
    PoseCNN,
    PoseDecoder,
    ResnetEncoder,
    TimmEncoder,
    imagenet_weights,
    make_decoder,
    make_encoder,
)
from monodepth2.method.stages import Batch, Predictions, RelativePose


class MonodepthModel(nn.Module):
    """All networks of a run.

    The children are named as their checkpoint files and registered in the order that 2019's optimizer states have:
    encoder, depth, pose_encoder, pose, predictive_mask (those that the options call for); `intrinsics` comes last.

    Args:
        options: of the run.
        cameras: how many there are, where their focal lengths are learnt.
    """

    def __init__(self, options: Options, cameras: int = 1) -> None:
        super().__init__()
        self.temporal_ids = () if options.knows_motion else options.temporal_ids
        self.loaded_ids = options.loaded_ids
        self.pose_model_type = options.pose_model_type
        self.pairs = options.pose_model_input == "pairs"
        self.encoder = make_encoder(options.encoder, options.num_layers, (options.height, options.width))
        channels = self.encoder.num_ch_enc
        if isinstance(self.encoder, TimmEncoder) and min(options.scales) >= 2:
            self.encoder.without_first()  # the decoder's first two stages are left out, too
        self.depth = make_decoder(options.decoder, channels, options.scales)
        if options.start_depth:
            self.depth.start_at(disp_of_depth(options.start_depth, options.min_depth, options.max_depth))
        if self.temporal_ids:
            self._add_pose_network(options, int(channels[-1]))
        if options.predictive_mask:
            self.predictive_mask = make_decoder(options.decoder, channels, options.scales, len(options.source_ids))
        if options.learn_intrinsics:
            self.intrinsics = LearntFocals(cameras, options.motion_warmup)
        for network in self.children():
            if isinstance(network, (ResnetEncoder, DepthDecoder, HrDecoder)):
                network.checkpointing = options.grad_checkpointing

    def forward(self, batch: Batch) -> Predictions:
        """Predict disparity, motion and masks of a prepared batch."""
        images = batch.color_aug
        if self.pose_model_type == "shared":
            features = self._features_of_all_frames(images)
        else:
            features = {0: self.encoder(images[0])}
        disps, poses = self.depth(features[0]), self._poses(images, features)
        return Predictions(
            disps=disps,
            poses=poses,
            masks=self.predictive_mask(features[0]) if hasattr(self, "predictive_mask") else None,
            focals=self._focals(batch, poses) if hasattr(self, "intrinsics") else None,
        )

    def motions(self, images: dict[FrameId, Tensor]) -> dict[FrameId, RelativePose]:
        """Predict the motion alone, to every temporal source; the encoder runs only where its features are shared.

        Args:
            images: in [0, 1] per frame, b3hw.
        """
        return self._poses(images, self._features_of_all_frames(images) if self.pose_model_type == "shared" else {})

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The children by name, in checkpoint order."""
        return dict(self.named_children())

    def load_imagenet(self, options: Options, already_loaded: tuple[str, ...] = ()) -> list[str]:
        """Start the encoders from ImageNet weights, but for those in `already_loaded`.

        Returns:
            The backbones that got none, as `--pretrained_weights` belongs to another one.

        Raises:
            UserError: the weights are neither in the given file nor to be downloaded.
        """
        wanted = [net for name, net in self.networks.items() if name not in already_loaded]
        if resnets := [net for net in wanted if isinstance(net, ResnetEncoder)]:
            weights = imagenet_weights(options.num_layers, options.pretrained_weights)
            for network in resnets:
                network.load_imagenet(weights)
        without = []
        for backbone in (net for net in wanted if isinstance(net, TimmEncoder)):
            if options.pretrained_weights is None or backbone.name == options.encoder:
                backbone.load_imagenet(options.pretrained_weights)
            else:  # a file of weights is for the depth network
                without.append(backbone.name)
        return without

    def _focals(self, batch: Batch, poses: dict[FrameId, RelativePose]) -> Tensor:
        assert batch.camera is not None
        # a network that sees all frames at once states the motion to an earlier source backward in time
        rotations = [
            -poses[source].axisangle if source < 0 and not poses[source].invert else poses[source].axisangle
            for source in self.temporal_ids
        ]
        return self.intrinsics(batch.camera, batch.K[0], batch.color_aug[0].shape[-1], rotations)

    def _add_pose_network(self, options: Options, feature_channels: int) -> None:
        frames = 2 if self.pairs else 1 + len(self.temporal_ids)
        if self.pose_model_type == "posecnn":
            self.pose: nn.Module = PoseCNN(frames)
        elif self.pose_model_type == "shared":
            self.pose = PoseDecoder(feature_channels, num_feature_sets=frames, num_motions=frames - 1)
        else:
            self.pose_encoder = make_encoder(
                options.pose_backbone, options.num_layers, (options.height, options.width), frames, "--pose_encoder"
            )
            if isinstance(self.pose_encoder, TimmEncoder):
                self.pose_encoder.without_first()
            feature_channels = int(self.pose_encoder.num_ch_enc[-1])
            # 2019's decoder always states at least two motions; a pair uses the first
            self.pose = PoseDecoder(feature_channels, num_feature_sets=1, num_motions=max(2, frames - 1))

    def _features_of_all_frames(self, images: dict[FrameId, Tensor]) -> dict[FrameId, list[Tensor]]:
        """Encode all frames that there are in one pass, so that they share batch-norm statistics."""
        frames = [frame for frame in self.loaded_ids if frame in images]  # a report has none of the other camera
        stacked = self.encoder(torch.cat([images[frame] for frame in frames]))
        chunks = [features.chunk(len(frames)) for features in stacked]
        return {frame: [chunk[n] for chunk in chunks] for n, frame in enumerate(frames)}

    def _poses(
        self, images: dict[FrameId, Tensor], features: dict[FrameId, list[Tensor]]
    ) -> dict[FrameId, RelativePose]:
        if not self.temporal_ids:
            return {}
        if not self.pairs:
            axisangles, translations = self._motions(images, features, (0, *self.temporal_ids))
            return {
                source: RelativePose(axisangles[:, n], translations[:, n], invert=False)
                for n, source in enumerate(self.temporal_ids)
            }
        poses: dict[FrameId, RelativePose] = {}
        for source in self.temporal_ids:
            # one pass per pair: in training, batch-norm statistics are those of the pair alone
            axisangles, translations = self._motions(images, features, tuple(sorted((0, source))))
            poses[source] = RelativePose(axisangles[:, 0], translations[:, 0], invert=source < 0)
        return poses

    def _motions(
        self, images: dict[FrameId, Tensor], features: dict[FrameId, list[Tensor]], frames: tuple[int, ...]
    ) -> tuple[Tensor, Tensor]:
        """Run the pose network on frames in the given order; axis-angles and translations, (b, motions, 3) each."""
        if self.pose_model_type == "shared":
            return self.pose([features[i][-1] for i in frames])
        stacked = torch.cat([images[i] for i in frames], 1)
        if self.pose_model_type == "posecnn":
            return self.pose(stacked)
        return self.pose([self.pose_encoder(stacked)[-1]])
