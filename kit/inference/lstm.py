"""An LSTM layer in numpy, for networks that hold a state from block to block of a stream."""

from dataclasses import dataclass

import numpy as np

from kit.arrays import F32

_HALF = np.float32(0.5)


@dataclass(slots=True)
class LstmState:
    """What a layer of every network holds from frame to frame, `[networks, 1, cells]`."""

    hidden: F32
    cell: F32

    @classmethod
    def silent(cls, networks: int, cells: int) -> "LstmState":
        """Return the state before a recording: zeros."""
        return cls(*(np.zeros((networks, 1, cells), np.float32) for _ in range(2)))


class LstmLayer:
    """An LSTM layer of networks of one architecture, which run side by side, forward in time.

    Parameters
    ----------
    inputs, recurrent
        Weights as PyTorch stores them: `[networks, 4 · cells, values]` and
        `[networks, 4 · cells, cells]`, with the gates input, forget, cell and output.
    biases
        `[networks, 4 · cells]`: the sum of both biases.
    """

    def __init__(self, inputs: F32, recurrent: F32, biases: F32) -> None:
        self._cells = recurrent.shape[2]
        # A sigmoid is a hyperbolic tangent of half its argument: one call serves all four gates.
        scale = np.full(4 * self._cells, 0.5, np.float32)
        scale[2 * self._cells : 3 * self._cells] = 1.0
        self._inputs = np.ascontiguousarray(inputs.transpose(0, 2, 1) * scale)
        self._recurrent = np.ascontiguousarray(recurrent.transpose(0, 2, 1) * scale)
        self._biases = (biases * scale)[:, None]

    def run(self, values: F32, state: LstmState) -> F32:
        """Run over `[networks, frames, values]` and update the state.

        Returns
        -------
        F32
            `[networks, frames, cells]`: the hidden state of every frame.
        """
        cells = self._cells
        driven = values @ self._inputs + self._biases
        out = np.empty((*driven.shape[:2], cells), np.float32)
        hidden, cell = state.hidden, state.cell
        for frame in range(driven.shape[1]):
            gates: F32 = np.tanh(driven[:, frame : frame + 1] + hidden @ self._recurrent)
            opened: F32 = _HALF * gates + _HALF
            cell = (
                opened[..., cells : 2 * cells] * cell
                + opened[..., :cells] * gates[..., 2 * cells : 3 * cells]
            )
            hidden = opened[..., 3 * cells :] * np.tanh(cell)
            out[:, frame] = hidden[:, 0]
        state.hidden, state.cell = hidden, cell
        return out
