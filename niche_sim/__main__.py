"""`python -m niche_sim` is `niche-sim`."""

import sys

from niche_sim.cli import main

if __name__ == "__main__":
    sys.exit(main())
