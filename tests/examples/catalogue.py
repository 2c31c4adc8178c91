"""What the examples are: their files, their schemas, what they run and what they publish."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.container.containers import ROOT

EXAMPLES = ROOT / "examples"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One example that runs the gate with a shell command."""

    file: str
    variables: Mapping[str, str]
    command: str
    published: str
    signs: Mapping[str, str]


def read(file: str) -> Any:
    """Return what a YAML file holds."""
    return yaml.safe_load((EXAMPLES / file).read_text(encoding="utf-8"))


def azure() -> Example:
    """Read the Azure pipeline."""
    job = read("azure/azure-pipelines.yml")["jobs"][0]
    gate, publish, _ = job["steps"]
    assert publish["condition"] == "always()"
    return Example(
        file="azure/azure-pipelines.yml",
        variables={name: value for name, value in gate["env"].items() if "$(" not in value},
        command=gate["bash"],
        published=publish["inputs"]["testResultsFiles"],
        signs={"TF_BUILD": "True"},
    )


def circleci() -> Example:
    """Read the CircleCI configuration."""
    job = read("circleci/config.yml")["jobs"]["kore"]
    _, gate, publish, _ = job["steps"]
    return Example(
        file="circleci/config.yml",
        variables=job["environment"],
        command=gate["run"]["command"],
        published=f"{publish['store_test_results']['path']}/*.xml",
        signs={"CIRCLECI": "true"},
    )


def buildkite() -> Example:
    """Read the Buildkite pipeline."""
    (step,) = read("buildkite/pipeline.yml")["steps"]
    return Example(
        file="buildkite/pipeline.yml",
        variables=step["env"],
        command=step["command"],
        published=step["artifact_paths"],
        signs={"BUILDKITE": "true"},
    )


def bitbucket() -> Example:
    """Read the Bitbucket pipeline."""
    (entry,) = read("bitbucket/bitbucket-pipelines.yml")["pipelines"]["default"]
    step = entry["step"]
    (upload,) = step["artifacts"]["upload"]
    assert upload["capture-on"] == "always"
    export, gate = step["script"]
    variables = dict(word.split("=", 1) for word in export.removeprefix("export ").split())
    return Example(
        file="bitbucket/bitbucket-pipelines.yml",
        variables=variables,
        command=gate,
        published="test-results/*.xml",
        signs={"BITBUCKET_BUILD_NUMBER": "7"},
    )


def jenkins() -> Example:
    """Read the Jenkinsfile."""
    text = (EXAMPLES / "jenkins" / "Jenkinsfile").read_text(encoding="utf-8")
    (command,) = re.findall(r"^ *sh '(.*)'$", text, re.MULTILINE)
    (published,) = re.findall(r"always \{.*?junit testResults: '(.*?)'", text, re.DOTALL)
    return Example(
        file="jenkins/Jenkinsfile",
        variables=dict(re.findall(r"^ *(KORE_\w+) = '(.*)'$", text, re.MULTILINE)),
        command=command,
        published=published,
        signs={"JENKINS_URL": "https://ci.example.com/", "BUILD_ID": "7"},
    )
