"""What points that are followed say of frames: how far things move, how the camera moves, and what never moves."""
