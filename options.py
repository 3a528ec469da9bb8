"""The command lines, which lie in `monodepth2.config.command_line`; importing them from here goes on working."""

from monodepth2.config.command_line import build_parser, parse, parse_as

__all__ = ["build_parser", "parse", "parse_as"]
