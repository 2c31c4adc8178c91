# docker build -t kore-gate .
# docker build -t kore-gate --build-arg EXTRAS=rsa .    with the library that RS256 and RS512 need
ARG BASE_IMAGE=python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285

FROM ${BASE_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# The tools that make the wheel stay in this stage.
COPY requirements-build.lock ./
RUN /usr/local/bin/python -m venv tools \
 && tools/bin/pip install --require-hashes --only-binary=:all: --no-deps -r requirements-build.lock

# What the gate runs on. pygments, markdown-it-py and mdurl are for parts of rich that nothing here reaches, and half of
# it all. The modules that go with them need one of these or a library that is not there; emoji by name are off. The date is always the same, and with it the layer; the modes are set because a build under a strict umask
# would lock other users out.
ARG EXTRAS=""
COPY requirements*.lock ./
RUN /usr/local/bin/python -m venv --without-pip /opt/kore_gate/venv \
 && tools/bin/pip --python /opt/kore_gate/venv/bin/python install --no-compile \
      --require-hashes --only-binary=:all: --no-deps -r "requirements${EXTRAS:+-${EXTRAS}}.lock" \
 && tools/bin/pip --python /opt/kore_gate/venv/bin/python uninstall --yes pygments markdown-it-py mdurl \
 && find /opt/kore_gate/venv/bin -type f -delete \
 && (cd /opt/kore_gate/venv/lib/python3*/site-packages \
     && rm anyio/pytest_plugin.py anyio/_backends/_trio.py httpcore/_backends/trio.py httpcore/*/http2.py httpx/_main.py \
           rich/_emoji_codes.py rich/_win32_console.py rich/markdown.py rich/syntax.py rich/traceback.py) \
 && mkdir /libraries \
 && cp -a /opt /libraries/ \
 && chmod -R u=rwX,go=rX /libraries \
 && find /libraries -exec touch --no-dereference --date=2020-02-02 {} +

# The gate itself, in a tree of its own: what a release changes.
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY kore_gate kore_gate
COPY entrypoint.py /release/opt/kore_gate/
RUN tools/bin/python -m hatchling build --target wheel --directory dist \
 && tools/bin/pip --python /opt/kore_gate/venv/bin/python install --no-compile --root /release --no-index --no-deps dist/*.whl \
 && rm -r /release/opt/kore_gate/venv/bin \
 && /usr/local/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /release -p / -x /compiled- /release \
 && (cd /release/opt/kore_gate/venv/lib/python3*/site-packages/kore_gate/reports/compiled-* \
     && /usr/local/bin/python -m compileall -q -b . && rm tmpl_*.py) \
 && mkdir -p /release/usr/local/bin \
 && ln -s /opt/kore_gate/entrypoint.py /release/usr/local/bin/kore-gate \
 && chmod -R u=rwX,go=rX /release \
 && chmod 755 /release/opt/kore_gate/entrypoint.py \
 && find /release -exec touch --no-dereference --date=2020-02-02 {} +


FROM ${BASE_IMAGE}
# ps and kill: Jenkins looks for the processes of an aborted step with them, and stops the container the hard way
# where they are missing. They cost 0.9 MB without manuals and translations; the caches of apt would cost 90 MB more.
# Installed by dpkg, for apt's hooks would copy the database of debconf into this layer.
RUN apt-get update -q \
 && apt-get install -q -y --no-install-recommends --download-only \
      -o Dir::Cache::pkgcache="" -o Dir::Cache::srcpkgcache="" procps \
 && dpkg --path-exclude="/usr/share/man/*" --path-exclude="/usr/share/locale/*" --path-exclude=/usr/bin/top \
         --path-exclude="/usr/share/doc/*/[!c]*" --install /var/cache/apt/archives/*.deb \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* /var/log/apt \
           /var/log/dpkg.log /var/lib/dpkg/*-old \
 && find /etc /usr /var -xdev -mmin -60 ! -name hosts ! -name hostname ! -name resolv.conf -exec touch --no-dereference --date=2020-02-02 {} +

COPY --from=build /libraries /
# Bytecode of what the commands import, also of the standard library's modules: official Python images come without.
# Unchecked, for nobody changes these sources, so that no start has to look.
RUN /opt/kore_gate/venv/bin/python -IBc "import sys, argparse, asyncio, difflib, email.policy, glob, http.server, tempfile, \
      anyio._backends._asyncio, httpcore, httpx, jinja2, junit_xml, jwt, msgspec, shtab, tenacity, \
      rich.live, rich.progress_bar, rich.table; \
      print(*(module.__file__ for module in sys.modules.values() if getattr(module, '__file__', None)), sep='\n')" \
  | /opt/kore_gate/venv/bin/python -IBm compileall -q -i - --invalidation-mode unchecked-hash \
 && find /opt /usr -xdev -mmin -60 -exec touch --no-dereference --date=2020-02-02 {} +

COPY --from=build /release /
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
