"""Where a call runs: read from the process once, by the command line's edge."""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """Where the call runs: which CI, the files it reads, the machine's name."""

    ci: str = "none"
    output_file: str = ""
    summary_file: str = ""
    agent: str = ""  # Buildkite's, to hand the summary to
    machine: str = ""
    job_url: str = ""  # GitLab's page of the job
    root: pathlib.Path = dataclasses.field(default_factory=pathlib.Path)
