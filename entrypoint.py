#!/opt/kore_gate/venv/bin/python -Iu
"""The image's entrypoint: give up root, run a program such as `sh` if one is named, else run kore-gate."""

# Without pathlib and shutil: Jenkins looks at once whether its `cat` runs, and they take longer than all the rest.
# ruff: noqa: PTH100, PTH110, PTH111, PTH113, PTH116, PTH118, PTH120

import contextlib
import itertools
import os
import signal
import stat
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from kore_gate import __main__ as program

COMMANDS = (
    *("wait", "import", "run", "test", "lint", "report", "known-failures", "shard"),
    *("demo", "simulate", "doctor", "completion"),
)
FILE_COMMANDS = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
USUAL_PATH = ("/usr/local/bin", "/usr/bin", "/bin")


def main() -> NoReturn:
    """Give up root, then run what the arguments name."""
    pending = program.catch_signals()
    arguments = sys.argv[1:]
    step_down(arguments, os.environ)
    path = foreign_program(arguments, os.environ)
    if path is None:
        program.main(pending)
    become(path, arguments, pending)


def step_down(arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Give up root for the owner of the place the reports go to, so that nothing is left that only root can remove."""
    if os.geteuid() != 0:
        return
    owner = owner_of(report_dir(arguments, environ))
    if owner is None or owner[0] == 0:
        return
    for name in FILE_COMMANDS:
        hand_over(environ.get(name, ""), *owner)
    # A container without the capabilities stays what it is: root in name only.
    with contextlib.suppress(OSError):
        os.setgroups([])
        os.setgid(owner[1])
        os.setuid(owner[0])


def report_dir(arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return the report directory, read in the same order as kore-gate reads it."""
    flag = ""
    for argument, following in itertools.pairwise([*arguments, ""]):
        name, equals, value = argument.partition("=")
        if name == "--report-dir":
            flag = value if equals else following
    return flag or environ.get("INPUT_REPORT-DIR") or environ.get("KORE_REPORT_DIR") or "junit-reports"


def owner_of(place: str) -> tuple[int, int] | None:
    """Return user and group of the nearest directory above that exists."""
    with contextlib.suppress(OSError):  # also where the working directory itself is gone
        path = os.path.abspath(os.path.expanduser(place))
        while not os.path.exists(path) and path != os.path.dirname(path):
            path = os.path.dirname(path)
        facts = os.stat(path)
        return facts.st_uid, facts.st_gid
    return None


def hand_over(file: str, user: int, group: int) -> None:
    """Let the new user write a file that the CI reads, where only root could."""
    with contextlib.suppress(OSError):
        facts = os.lstat(file)
        if stat.S_ISREG(facts.st_mode) and not may_write(facts, user, group):
            os.chown(file, user, group, follow_symlinks=False)


def may_write(facts: os.stat_result, user: int, group: int) -> bool:
    """Tell whether a file's mode lets this user write it."""
    if facts.st_uid == user:
        return bool(facts.st_mode & stat.S_IWUSR)
    if facts.st_gid == group:
        return bool(facts.st_mode & stat.S_IWGRP)
    return bool(facts.st_mode & stat.S_IWOTH)


def foreign_program(arguments: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Find the program that the first argument names, as GitLab and Jenkins start containers."""
    name = arguments[0] if arguments else ""
    if not name or name.startswith("-") or name in COMMANDS or ("/" in name and not name.startswith("/")):
        return None
    # A workflow may have set PATH to anything.
    for folder in (*environ.get("PATH", "").split(":"), *USUAL_PATH):
        path = os.path.join(folder, name)
        if folder and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def become(path: str, arguments: Sequence[str], pending: Sequence[int]) -> NoReturn:
    """Let another program take this process over."""
    if pending:
        raise SystemExit(128 + pending[0])
    # Python ignores these two, and the next program would inherit that.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execv(path, [*arguments])  # noqa: S606  # running what the caller named is the purpose
    except OSError as error:
        sys.stderr.write(f"kore-gate: cannot run {path}: {error.strerror}\n")
    raise SystemExit(126)


if __name__ == "__main__":
    main()
