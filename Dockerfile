# docker build -t kore-gate .
# docker build -t kore-gate --build-arg EXTRAS=rsa .    with the library that RS256 and RS512 need
ARG BASE_IMAGE=python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285

FROM ${BASE_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# The tools that make the wheel stay in this stage.
COPY requirements-build.lock ./
RUN /usr/local/bin/python -m venv tools \
 && tools/bin/pip install --require-hashes --only-binary=:all: --no-deps -r requirements-build.lock

ARG EXTRAS=""
COPY requirements*.lock ./
RUN /usr/local/bin/python -m venv --without-pip /opt/kore_gate/venv \
 && tools/bin/pip --python /opt/kore_gate/venv/bin/python install \
      --require-hashes --only-binary=:all: --no-deps -r "requirements${EXTRAS:+-${EXTRAS}}.lock"

COPY pyproject.toml README.md LICENSE ./
COPY kore_gate kore_gate
COPY entrypoint.py /opt/kore_gate/
# Unchecked: nobody changes these sources, so no start has to look. pygments is there for rich, which hardly ever calls it.
# The modes are set because a checkout made under a strict umask would lock other users out.
RUN tools/bin/python -m hatchling build --target wheel --directory dist \
 && tools/bin/pip --python /opt/kore_gate/venv/bin/python install --no-index --no-deps dist/*.whl \
 && find /opt/kore_gate/venv/bin -type f -delete \
 && /usr/local/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x /pygments/ /opt/kore_gate/venv/lib \
 && chmod -R u=rwX,go=rX /opt/kore_gate \
 && chmod 755 /opt/kore_gate/entrypoint.py


FROM ${BASE_IMAGE}
# ps and kill: Jenkins looks for the processes of an aborted step with them, and stops the container the hard way
# where they are missing. They cost 3.5 MB; the caches of apt would cost 90 MB more.
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
      -o Dir::Cache::pkgcache="" -o Dir::Cache::srcpkgcache="" procps \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log \
           /var/lib/dpkg/*-old

COPY --from=build /opt/kore_gate /opt/kore_gate
# Official Python images come without the standard library's bytecode: importing once keeps what a start needs of it.
RUN ln -s /opt/kore_gate/entrypoint.py /usr/local/bin/kore-gate \
 && /opt/kore_gate/venv/bin/python -I -c "import asyncio, httpx, jinja2, junit_xml, jwt, msgspec, rich.progress, tenacity, kore_gate.cli"
ENV PYTHONDONTWRITEBYTECODE=1

ARG BASE_IMAGE
ARG VERSION=0.1.0
ARG REVISION=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="kore-gate" \
      org.opencontainers.image.description="The gate that stops a bad Kore.ai bot from shipping" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.documentation="${SOURCE:+${SOURCE}#readme}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}"

# Absolute, because a workflow may set PATH to anything; isolated (-I), because the working directory is the user's checkout.
ENTRYPOINT ["/opt/kore_gate/venv/bin/python", "-Iu", "/opt/kore_gate/entrypoint.py"]
