# One image for web, worker, scheduler and migrations. It runs as an ordinary user and needs to write to /tmp alone.

FROM python:3.13-slim AS build
WORKDIR /source
COPY requirements.lock requirements-build.lock requirements-node.lock ./
RUN python -m venv /opt/triage \
 && /opt/triage/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-node.lock
COPY . .
RUN /opt/build/bin/python -m hatchling build -t wheel \
 && /opt/triage/bin/pip install --no-cache-dir --no-deps dist/*.whl

FROM python:3.13-slim
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin triage \
 && install -d -o triage -g triage /demo
COPY --from=build /opt/triage /opt/triage
ENV PATH=/opt/triage/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
WORKDIR /tmp
USER triage
EXPOSE 8080
CMD ["triage", "web"]
