"""Pictures that no camera takes: pages, screens, line art, dither, fine patterns, flat colours.

Photos alone teach a model that two neighbouring pixels are about equal, and it then greys out what is not. Here such
pictures are drawn at random, on whole pixels as on a screen.
"""

from train.drawn.kinds import KINDS, draw

__all__ = ["KINDS", "draw"]
