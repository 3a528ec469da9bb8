"""What sparse optical flow says of frames: how far things move, whether the camera turns, and what never moves."""
