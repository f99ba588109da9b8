"""The drum network in torch: convolutions over frequency, then dilated ones over time."""

from typing import cast

import torch
from torch import Tensor, nn

from services.midi.strokes.features import BANDS, DRUMS

FRONT = ((16, 5), (24, 3))
"""Channels and bands of the convolutions over frequency and time; each halves the bands."""
CHANNELS = 96
DILATIONS = (1, 2, 4, 8, 16, 32, 1, 2)
"""Of the convolutions over time, three frames each: 0.69 s to either side."""


class DrumNetwork(nn.Module):
    """Estimates for each frame and drum whether it is struck, and how hard.

    A temporal convolutional network with residual blocks (Bai, Kolter and Koltun, "An empirical
    evaluation of generic convolutional and recurrent networks for sequence modeling", 2018) behind
    a small convolutional front end, as is usual in drum transcription (Vogl, Widmer and Knees,
    "Towards multi-instrument drum transcription", DAFx 2018).
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for channels, bands in FRONT:
            layers += [
                nn.Conv2d(
                    before, channels, (3, bands), (1, 2), padding=(1, bands // 2), bias=False
                ),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
            ]
            before = channels
        self.front = nn.Sequential(*layers)
        width = before * (BANDS >> len(FRONT))
        self.narrow = nn.Sequential(
            nn.Conv1d(width, CHANNELS, 1, bias=False), nn.BatchNorm1d(CHANNELS), nn.ReLU()
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(CHANNELS, CHANNELS, 3, dilation=d, padding=d, bias=False),
                nn.BatchNorm1d(CHANNELS),
                nn.ReLU(),
            )
            for d in DILATIONS
        )
        self.drop = nn.Dropout(0.1)
        self.head = nn.Conv1d(CHANNELS, 2 * len(DRUMS), 1)

    def forward(self, spectrogram: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of activations and of velocities, `[batch, frames, drums]` each.

        Parameters
        ----------
        spectrogram
            From `features.scaled`, `[batch, frames, BANDS]`.
        """
        hidden = self.front(spectrogram[:, None])
        batch, channels, frames, bands = hidden.shape
        hidden = hidden.permute(0, 1, 3, 2).reshape(batch, channels * bands, frames)
        hidden = self.narrow(hidden)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        both = cast(Tensor, self.head(self.drop(hidden))).transpose(1, 2)
        activation, velocity = both.chunk(2, dim=2)
        return activation, velocity


def parameters(network: nn.Module) -> int:
    """Return the number of trained parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def seed(number: int) -> None:
    """Make torch compute the same again on this machine."""
    torch.manual_seed(number)
    torch.use_deterministic_algorithms(True)
