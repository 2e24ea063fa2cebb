"""Text from models, files and commands, made harmless for a terminal; see `kernel.visible`."""

from a3s_code.kernel.visible import on_one_line, visible, visible_json

__all__ = ["on_one_line", "visible", "visible_json"]
