# The tag says what the digest is; the digest decides. .github/dependabot.yml has it renewed, or by hand:
#   docker buildx imagetools inspect python:3.13-slim-trixie
FROM python:3.13.16-slim-trixie@sha256:70729b46c69b4f1e97c4822c1af3df53a1476cf5ddc6c087c0c10bc3a5678c2f AS base


FROM base AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/notifier
WORKDIR /src
COPY requirements.lock ./
RUN /opt/notifier/bin/pip install --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY config ./config
COPY notifier ./notifier
# The lock holds what builds the wheel too; it has no place in the image that runs.
RUN /opt/notifier/bin/pip install --no-deps --no-build-isolation . \
    && /opt/notifier/bin/pip uninstall --yes hatchling pathspec pluggy tomlkit trove-classifiers pip
# What the image holds, as CycloneDX; the tool that writes it stays behind.
RUN python -m venv /opt/sbom \
    && /opt/sbom/bin/pip install "cyclonedx-bom>=7.5,<8" \
    && /opt/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
        --output-file /opt/notifier/sbom.cdx.json /opt/notifier/bin/python


FROM base

LABEL org.opencontainers.image.title="notifier" \
      org.opencontainers.image.description="Error reports in over HTTP; deduplicated, rate-limited alerts out." \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.licenses="Apache-2.0"
# pg_dump, for `backup` on PostgreSQL: of version 17 in this release of Debian, and so for servers up to 17.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --system --gid 10001 notifier \
    && useradd --system --uid 10001 --gid notifier --home-dir /var/lib/notifier --create-home notifier
COPY --from=build /opt/notifier /opt/notifier

# The configuration's default database is a file beside the working directory: here it lies on the volume.
WORKDIR /var/lib/notifier
VOLUME /var/lib/notifier
ENV PATH="/opt/notifier/bin:${PATH}" NOTIFIER_SERVER__HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["notifier", "healthcheck"]
ENTRYPOINT ["notifier"]
CMD ["serve"]
