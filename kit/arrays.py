"""Names of the arrays that signal code passes around; their shapes stand where they are used."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
AudioBlock = NDArray[np.float32]
"""Audio, `[channels, samples]`, full scale at -1 and 1."""
Mono = NDArray[np.float32]
"""Audio of one channel, `[samples]`, full scale at -1 and 1."""
Tensor = NDArray[Any]
"""An input, an output or a parameter of a network, of whichever type it takes."""
