#!/usr/bin/env bash
# run.sh COMMAND…: runs kore-gate in its container, in the current directory, on any machine that has Docker.
#
#   export KORE_HOST=platform.kore.ai KORE_STREAM_ID=st-… KORE_CLIENT_ID=cs-… KORE_CLIENT_SECRET=… KORE_USER_EMAIL=…
#   ./run.sh test 'tests/conversations/*.json'
#
# KORE_GATE_IMAGE names another image, KORE_GATE_DOCKER holds more options for `docker run`, such as --network=host.
# A file that a KORE_…_FILE or KORE_CA_FILE names must lie below the current directory, or be mounted by such an option.
set -euo pipefail

# Names alone: Docker takes the values from the environment, so that none stands in the list of processes.
wanted='^(KORE_.*|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy|NO_COLOR|FORCE_COLOR'
wanted+='|CI|GITLAB_CI|TF_BUILD|CIRCLECI|BUILDKITE|BITBUCKET_COMMIT|TEAMCITY_VERSION|JENKINS_URL|BUILD_ID'
wanted+='|(CI|CIRCLE)_NODE_(INDEX|TOTAL)|(BUILDKITE_PARALLEL_JOB|BITBUCKET_PARALLEL_STEP)(_COUNT)?)$'
variables=()
while read -r name; do variables+=(--env "$name"); done < <(compgen -e | grep -E "$wanted")

read -ra more <<<"${KORE_GATE_DOCKER:-}"
exec docker run --rm --init \
  --user "$(id -u):$(id -g)" --cap-drop ALL --security-opt no-new-privileges --read-only \
  --volume "$PWD:$PWD" --workdir "$PWD" \
  ${variables[@]+"${variables[@]}"} ${more[@]+"${more[@]}"} \
  "${KORE_GATE_IMAGE:-ghcr.io/your-org/kore_gate:0.1.0}" "$@"
