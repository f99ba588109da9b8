"""Type aliases for the arrays that signal code passes around.

Docstrings give the shapes where the arrays are used.
"""

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
"""An input, an output or a parameter of a network, of any data type."""
