"""Everything Kore.ai keeps: files, imports, suites, runs, results."""

import dataclasses
import hashlib
import itertools
import uuid
from collections.abc import Mapping

from kore_gate.simulator import results, suites
from kore_gate.simulator.jobs import LIFETIME, Import, Job, Place, Run, Suite
from kore_gate.simulator.messages import Json
from kore_gate.simulator.scenarios import Scenario
from kore_gate.simulator.suites import SuiteError


class Records:
    """The records of one bot."""

    def __init__(
        self, *, stream_id: str, scenario: Scenario, by_suite: Mapping[str, Scenario], job_seconds: float, seed: str
    ) -> None:
        self._seed = seed
        self._numbers = itertools.count(1)
        self._scenario = scenario
        self._by_suite = by_suite
        self._job_seconds = job_seconds
        self._place = Place(
            stream_id=stream_id, account_id=self.hex_id("account")[:24], user_id=self._named("u", "user")
        )
        self.files: dict[str, Json] = {}
        self.imports: dict[str, Import] = {}
        self.runs: dict[str, Run] = {}
        self.links: dict[str, tuple[float, str]] = {}
        self._deleted: set[str] = set()

    def new_id(self, prefix: str) -> str:
        """Return an id no other record has."""
        return self._named(prefix, str(next(self._numbers)))

    def hex_id(self, what: str) -> str:
        """Return 40 hexadecimal digits that stand for something."""
        return hashlib.sha256(f"{self._seed} {what}".encode()).hexdigest()[:40]

    def keep_file(self, document: Json) -> str:
        """Keep an uploaded file under a new id."""
        file_id = self.hex_id(f"file {next(self._numbers)}")[:24]
        self.files[file_id] = document
        return file_id

    def start_import(
        self, document: Json, *, now: float, name: str, ds_id: str | None = None, scenario: Scenario | None = None
    ) -> Import:
        """Begin the import of a document; its file may turn out to be no suite."""
        try:
            steps, fault = suites.steps_of(document), ""
        except SuiteError as exc:
            steps, fault = [], str(exc)
        tags = document.get("tags")
        suite = Suite(
            id=self.new_id("ctc"),
            name=name,
            description=str(document.get("description") or ""),
            tags=list(tags) if isinstance(tags, list) else [],
            steps=steps,
        )
        job = Import(
            id=ds_id or self.new_id("ds"),
            place=self._place,
            suite=suite,
            scenario=scenario or self._by_suite.get(name, self._scenario),
            created=now,
            seconds=self._job_seconds,
            outer_id=self.new_id("ctc"),
            fault=fault,
        )
        self.imports.pop(job.id, None)
        self.imports[job.id] = job
        return job

    def keep_suite(self, document: Json, *, name: str, now: float) -> None:
        """Have a suite whose import is long over and forgotten."""
        scenario = dataclasses.replace(self._by_suite.get(name, self._scenario), ended="SUCCESS")
        self.start_import(document, now=now - LIFETIME - self._job_seconds, name=name, scenario=scenario)

    def stored(self, name: str, now: float) -> Import | None:
        """Return the last import that stored a suite of this name."""
        for job in reversed(self.imports.values()):
            if job.suite.name == name and job.id not in self._deleted and job.has_stored(now):
                return job
        return None

    def delete(self, name: str, now: float) -> bool:
        """Forget the suite of this name; tell whether there was one."""
        found = {job.id for job in self.imports.values() if job.suite.name == name and job.has_stored(now)}
        found -= self._deleted
        self._deleted |= found
        return bool(found)

    def start_run(self, source: Import, *, now: float, version: str) -> Run:
        """Begin a run of a stored suite."""
        run = Run(
            id=self.new_id("ctr"),
            place=self._place,
            suite=source.suite,
            scenario=source.scenario,
            created=now,
            seconds=self._job_seconds,
            version=version,
            number=1 + sum(run.suite.name == source.suite.name for run in self.runs.values()),
        )
        self.runs[run.id] = run
        return run

    def link(self, job: Job, now: float) -> str:
        """Return the path of a results file, which can be had for a quarter of an hour."""
        file_id = self._named("f", job.id)
        expires, _ = self.links.setdefault(
            f"{file_id}.csv", (now + LIFETIME, results.as_csv(job.scenario.shape(job.suite.steps)))
        )
        signature = self.hex_id(f"signature {file_id}")
        query = f"e={expires:.0f}&n={signature[:10]}&s={signature[10:]}&clientfilename=results.csv"
        return f"/api/getMediaStream/media/{file_id}.csv?{query}"

    def _named(self, prefix: str, what: str) -> str:
        return f"{prefix}-{uuid.uuid5(uuid.NAMESPACE_URL, f'{self._seed}/{prefix}/{what}')}"
