"""What the paper says: networks, geometry, view synthesis, losses; nothing of data sets, devices or loops."""
