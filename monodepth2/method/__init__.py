"""What the paper says: networks, geometry, view synthesis, losses; nothing of files, devices or loops."""
