"""A synthetic drive: ray-cast street scenes, written as a KITTI raw tree with exact depth, poses and scans."""

from monodepth2.synthetic.drive import DriveSettings, split_lines, write_synthetic_drive
from monodepth2.synthetic.raycast import Sensor, camera, scanner
from monodepth2.synthetic.render import lidar_scan, render
from monodepth2.synthetic.street import Street, make_street

__all__ = [
    "DriveSettings",
    "Sensor",
    "Street",
    "camera",
    "lidar_scan",
    "make_street",
    "render",
    "scanner",
    "split_lines",
    "write_synthetic_drive",
]
