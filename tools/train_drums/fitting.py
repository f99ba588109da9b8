"""Fit the network; a run that was stopped goes on where it was."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from tools.train_drums.batches import Targets, batch
from tools.train_drums.network import DrumNetwork, parameters, seed
from tools.train_drums.pieces import Pieces
from tools.train_drums.scoring import Score, inputs

STEPS = 2000
"""Steps of the optimiser, over which the rate falls as a cosine."""
PIECES = 960
"""Pieces that are learnt from."""
_RATE, _WARM_UP, _DECAY = 3e-3, 100, 1e-2
_EDGE = 16
"""Frames at each end of an example that lack context and do not count."""
_RARE = 2.0
"""Weight of strokes against frames without one."""
_VELOCITY = 0.3
_KEEP_EVERY = 100


def fit(pieces: Pieces, kept: Path, *, steps: int = STEPS) -> DrumNetwork:
    """Train for a number of steps.

    Parameters
    ----------
    pieces
        The training data.
    steps
        Of `batches.BATCH` examples each; fewer than `STEPS` end early.
    kept
        The state of the run, written every 100 steps and read where it exists.
    """
    seed(1)
    network = DrumNetwork()
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _share)
    first = 0
    if kept.is_file():
        state = torch.load(kept, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        first = int(state["step"])
    if first >= steps:
        return network.eval()
    targets = Targets(pieces)
    print(f"{parameters(network)} parameters, steps {first} to {steps}", flush=True)
    total, began = 0.0, time.monotonic()
    network.train()
    for step in range(first, steps):
        torch.manual_seed(step)
        spectrogram, activation, velocity = map(torch.from_numpy, batch(pieces, targets, step))
        loss = _loss(*network(spectrogram), activation, velocity)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        total += float(loss.detach())
        if (step + 1) % _KEEP_EVERY == 0:
            seconds = time.monotonic() - began
            print(f"step {step + 1}: loss {total / _KEEP_EVERY:.4f}, {seconds:.0f} s", flush=True)
            total = 0.0
            _keep(kept, network, optimiser, schedule, step + 1)
    return network.eval()


def _share(step: int) -> float:
    """Return the share of the learning rate: a warm-up, then half a cosine."""
    if step < _WARM_UP:
        return (step + 1) / _WARM_UP
    return 0.01 + 0.495 * (1.0 + float(np.cos(np.pi * min(1.0, step / STEPS))))


def _loss(
    logits: torch.Tensor, loudness: torch.Tensor, activation: torch.Tensor, velocity: torch.Tensor
) -> torch.Tensor:
    inner = slice(_EDGE, -_EDGE)
    logits, loudness = logits[:, inner], loudness[:, inner]
    activation, velocity = activation[:, inner], velocity[:, inner]
    weights = 1.0 + (_RARE - 1.0) * activation
    struck = functional.binary_cross_entropy_with_logits(logits, activation, weights)
    near = (activation > 0.3).float()
    error = (torch.sigmoid(loudness) - velocity).square() * near
    return 10.0 * struck + _VELOCITY * error.sum() / near.sum().clamp(min=1.0)


def _keep(
    kept: Path,
    network: DrumNetwork,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    step: int,
) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "step": step,
    }
    torch.save(state, kept.with_suffix(".part"))
    kept.with_suffix(".part").rename(kept)


def evaluate(network: DrumNetwork, pieces: Pieces) -> Sequence[Score]:
    """Run the network over the validation mixes."""
    scores = []
    with torch.inference_mode():
        for kind, number, spectrogram in inputs(pieces):
            logits, loudness = network(torch.from_numpy(spectrogram)[None])
            scores.append(
                Score(
                    kind,
                    torch.sigmoid(logits)[0].numpy(),
                    torch.sigmoid(loudness)[0].numpy(),
                    pieces.strokes[number],
                )
            )
    return scores
