FROM python:3.13-slim AS build

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


FROM python:3.13-slim

LABEL org.opencontainers.image.title="notifier" \
      org.opencontainers.image.description="Error reports in over HTTP; deduplicated, rate-limited alerts out." \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.licenses="Apache-2.0"
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
