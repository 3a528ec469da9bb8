"""What counts as standing, too fast, blurred or suddenly brighter, for all who judge frames.

Flows are in pixels of a picture 640 wide.
"""

LEAST_FLOW, MOST_FLOW = 5.0, 25.0  # between neighbours: less says little of depth, more is hard to follow
LEAST_SURVIVAL = 0.6  # share of a frame's corners that its neighbour should share
STANDING = 1.0  # flow between neighbours below which the camera stands, or nearly so
BLURRED = 0.3  # of the median sharpness nearby
JUMP = 15.0  # grey levels of the mean between frames
