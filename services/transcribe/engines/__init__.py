"""What runs networks; each module imports its own library, and is imported only to be used."""

import os

# GNU's OpenMP reads this when such a library is imported: how often a waiting thread looks before
# it sleeps. The 300 000 times of its own are spun away on processors that other programs want;
# without any, threads that sleep between all the small steps take a third longer.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
