# The image of one service, built from the root of the checkout:
#
#   docker build --build-arg SERVICE=midi -t cratedig/midi .
#
# SERVICE is `gateway` or a folder of services/. For NVIDIA's GPUs add
# --build-arg LOCK=requirements/midi-gpu.txt, which brings CUDA's libraries.
# Weights are not in the image: `python -m kit.weights fetch midi` fetches them before the start.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim

# The web client, which only the gateway serves.
FROM ${NODE_IMAGE} AS web
ARG SERVICE
WORKDIR /source/clients/web
COPY clients/web ./
COPY contracts/schemas/openapi.json /source/contracts/schemas/openapi.json
RUN if [ "${SERVICE}" = gateway ]; then npm ci && npm run build; else mkdir -p dist; fi

FROM ${PYTHON_IMAGE} AS build
ARG SERVICE
ARG LOCK=requirements/${SERVICE}.txt
COPY ${LOCK} /requirements.txt
RUN python -m venv /venv \
 && /venv/bin/python -m pip install --no-cache-dir --no-deps --require-hashes -r /requirements.txt
WORKDIR /source
COPY . .
# The service's own code and what all services share, nothing of its siblings.
RUN if [ "${SERVICE}" = gateway ]; then code=gateway; else code="services/__init__.py services/${SERVICE}"; fi \
 && mkdir /app && cp -r --parents contracts kit ${code} /app \
 && module=$(echo "${code##* }" | tr / .) \
 && printf '#!/bin/sh\nexec python -m %s\n' "${module}" > /app/start && chmod +x /app/start

FROM ${PYTHON_IMAGE}
RUN useradd --uid 10001 --create-home cratedig
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY --from=web /source/clients/web/dist /app/clients/web/dist
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
CMD ["/app/start"]
