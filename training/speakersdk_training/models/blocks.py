"""Parts of the frame network: residual blocks in time and on bands, and a 2-D front.

Each part is causal and carries its own past. It takes (B, C, k) features and (B, C, past) earlier
frames, and returns features of the same k frames and the past of the next call.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk_training.models.convolutions import DepthwiseConv, PointwiseConv

_BAND_KERNEL = 3  # taps of 2-D convolutions along both axes


class CausalBlock(nn.Module):
    """Depthwise causal convolution in time, then a pointwise expansion, with a skip connection."""

    def __init__(
        self,
        channels: int,
        expansion: int,
        kernel: int,
        dilation: int,
        *,
        squeeze_channels: int = 0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.past_frames = (kernel - 1) * dilation
        self.drop_path = drop_path
        self.depthwise = DepthwiseConv(channels, kernel, dilation=dilation)
        self.depthwise_norm = nn.BatchNorm1d(channels)
        self.expand = PointwiseConv(channels, expansion, bias=False)
        self.expand_norm = nn.BatchNorm1d(expansion)
        self.squeeze = FrameSqueeze(expansion, squeeze_channels) if squeeze_channels else None
        self.project = PointwiseConv(expansion, channels, bias=False)
        self.project_norm = nn.BatchNorm1d(channels)

    def forward(self, features: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Process (B, C, k) features after (B, C, past) earlier frames; return both, k later."""
        extended = torch.cat([past.to(features.dtype), features], dim=2)
        hidden = self.depthwise_norm(self.depthwise(extended))
        hidden = functional.relu(self.expand_norm(self.expand(hidden)))
        if self.squeeze is not None:
            hidden = self.squeeze(hidden)
        hidden = self.project_norm(self.project(hidden))
        if self.training and self.drop_path:
            hidden = hidden * self._kept(hidden)
        return functional.relu(features + hidden), extended[:, :, -self.past_frames :]

    def _kept(self, hidden: Tensor) -> Tensor:
        """Draw the rows that go through the block: (B, 1, 1), scaled to keep the mean.

        Source: G. Huang et al., "Deep networks with stochastic depth", 2016.
        """
        share = 1 - self.drop_path
        draw = torch.rand(hidden.shape[0], 1, 1, device=hidden.device)
        return (draw < share).to(hidden.dtype) / share


class FrameSqueeze(nn.Module):
    """Squeeze-excitation without a mean over time: a frame's gates depend only on that frame.

    The features already contain the earlier frames, and no state is needed. After J. Hu et
    al., "Squeeze-and-excitation networks", 2018.
    """

    def __init__(self, channels: int, bottleneck: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            PointwiseConv(channels, bottleneck),
            nn.ReLU(),
            PointwiseConv(bottleneck, channels),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Gate the features (B, C, k) of each frame."""
        gated: Tensor = features * self.gate(features)
        return gated


class BandBlock(nn.Module):
    """A 2-D convolution over channels taken as (C / bands, bands), with a skip connection.

    Between blocks in time this makes a network after I. Yakovlev et al., "Reshape dimensions
    network" (ReDimNet), 2024: one constant volume, treated alternately as a line and as a plane.
    Unlike ReDimNet, a plane has a single convolution, and it is causal.
    """

    def __init__(self, channels: int, bands: int) -> None:
        super().__init__()
        self.past_frames = _BAND_KERNEL - 1
        self.bands = bands
        planes = channels // bands
        self.planar = nn.Conv2d(planes, planes, _BAND_KERNEL, padding=(1, 0), bias=False)
        self.planar_norm = nn.BatchNorm2d(planes)

    def forward(self, features: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Process (B, C, k) features after (B, C, 2) earlier frames; return both, k later."""
        extended = torch.cat([past, features], dim=2)
        batch, channels, frames = extended.shape
        planes = extended.reshape(batch, channels // self.bands, self.bands, frames)
        hidden = self.planar_norm(self.planar(planes))
        return functional.relu(features + hidden.flatten(1, 2)), extended[:, :, -self.past_frames :]


class PlanarFront(nn.Module):
    """2-D convolutions before the first layer in time: each stage halves the bands.

    A stage is a convolution over every second band, then residual blocks of two convolutions. A
    formant that is a band higher in another voice is processed by the same weights. After
    J. Thienpondt et al., "Integrating frequency translational invariance in TDNNs", 2021.
    """

    def __init__(
        self, num_mels: int, channels: int, *, blocks: tuple[int, ...], growth: int
    ) -> None:
        """Make the layers of all stages.

        Args:
            num_mels: number of bands of the input.
            channels: number of planes of the first stage.
            blocks: number of residual blocks of each stage.
            growth: factor from the planes of one stage to those of the next.
        """
        super().__init__()
        self.past_frames = _BAND_KERNEL - 1
        self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
        self._planes: list[tuple[int, int]] = []  # (planes, bands) of each layer's input
        input_planes, bands = 1, num_mels
        for stage, num_blocks in enumerate(blocks):
            planes = channels * growth**stage
            self._add(input_planes, planes, bands, stride=2)
            input_planes, bands = planes, -(-bands // 2)
            for _ in range(2 * num_blocks):
                self._add(planes, planes, bands, stride=1)
        self.channels = input_planes * bands

    def _add(self, input_planes: int, planes: int, bands: int, *, stride: int) -> None:
        self.layers.append(
            nn.Conv2d(
                input_planes, planes, _BAND_KERNEL, stride=(stride, 1), padding=(1, 0), bias=False
            )
        )
        self.norms.append(nn.BatchNorm2d(planes))
        self._planes.append((input_planes, bands))

    @property
    def cache_shapes(self) -> list[tuple[int, int]]:
        """The shapes (channels, frames) of the past of each layer."""
        return [(planes * bands, self.past_frames) for planes, bands in self._planes]

    def forward(self, log_mel: Tensor, pasts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Process (B, num_mels, k) and the layers' pasts -> (B, channels, k) and the next pasts."""
        features = log_mel.unsqueeze(1)  # (B, 1, num_mels, k)
        kept = []
        skipped: Tensor | None = None
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            past = pasts[number].reshape(-1, *self._planes[number], self.past_frames)
            extended = torch.cat([past, features], dim=3)
            kept.append(extended[:, :, :, -self.past_frames :].flatten(1, 2))
            hidden = norm(layer(extended))
            if skipped is not None:  # the second layer of a block
                hidden, skipped = hidden + skipped, None
            elif layer.stride == (1, 1):  # the first
                skipped = features
            features = functional.relu(hidden)
        return features.flatten(1, 2), kept
