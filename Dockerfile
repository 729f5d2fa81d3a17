# syntax=docker/dockerfile:1
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/ requirements/
# Wheels only: a source archive would fetch its own build requirements, past the hashes.
RUN python -m venv --without-pip /opt/whenabouts \
    && pip --python /opt/whenabouts/bin/python install \
        --only-binary :all: --require-hashes --requirement requirements/run.lock \
    && pip install --only-binary :all: --require-hashes --requirement requirements/build.lock
COPY . .
RUN pip wheel --no-build-isolation --no-deps --no-index --wheel-dir /dist . \
    && pip --python /opt/whenabouts/bin/python install --no-deps --no-index /dist/*.whl

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Whenabouts" \
      org.opencontainers.image.description="The right offer, for one person, at the right when and where, or silence."
RUN useradd --system --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin whenabouts \
    && install --directory --owner whenabouts --group whenabouts --mode 700 /data
COPY --from=build /opt/whenabouts /opt/whenabouts
ENV PATH=/opt/whenabouts/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    WHENABOUTS_BIND=0.0.0.0:8080 \
    WHENABOUTS_DATA_DIR=/data
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1:' + os.environ['WHENABOUTS_BIND'].rpartition(':')[2], timeout=4); c.request('GET', '/healthz'); assert c.getresponse().status == 200"]
CMD ["whenabouts", "up"]
