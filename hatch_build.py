"""Compile the reports' templates into the wheel: at a start it takes as long as everything else."""

import pathlib
import sys
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledTemplates(BuildHookInterface):
    """Adds to the wheel the modules that Jinja makes of the templates. Without them, Jinja makes them at run time."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile them with the environment that will render them; a checkout, installed as it is, goes without."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        import jinja2

        from kore_gate.reports import html

        self._folder = tempfile.TemporaryDirectory()
        target = pathlib.Path(self._folder.name)
        html.environment().compile_templates(target, extensions=["j2"], zip=None, ignore_errors=False)
        build_data["force_include"][str(target)] = f"kore_gate/reports/compiled-{jinja2.__version__}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 as it is called
        """Remove what is in the wheel by now."""
        if version != "editable":
            self._folder.cleanup()
