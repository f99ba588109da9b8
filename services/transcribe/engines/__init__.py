"""What runs networks; each module imports its own library, and is imported only to be used."""

import os

# OpenMP reads this when such a library is imported. Threads that wait for each other spin
# otherwise, on processors that other programs want, which takes speech up to five times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
