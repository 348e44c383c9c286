# The application for web, worker and beat; which of them a container is, its command says (compose.yaml).
FROM node:22-bookworm-slim AS frontend
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts

FROM python:3.11-slim-bookworm
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 TZ=Asia/Shanghai
WORKDIR /app
COPY requirements/base.txt requirements/base.txt
RUN pip install --no-cache-dir --only-binary=:all: --require-hashes -r requirements/base.txt
COPY . .
COPY --from=frontend /app/node_modules node_modules
# Collected once, here; the values are needed to load the settings and appear nowhere in the image. The empty database
# address is never connected to.
RUN SECRET_KEY=build FIELD_KEYS=build INDEX_KEY=build CHECKPOINT_KEY=build ALLOWED_HOSTS=build \
    DATABASE_URL=postgresql://build@localhost/build REDIS_URL=redis://localhost/0 \
    DATA_DIR=/app STATIC_ROOT=/app/staticfiles python manage.py collectstatic --noinput --verbosity 0 \
    && rm -rf node_modules \
    && useradd --uid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin dunmiao
ENV DATA_DIR=/data STATIC_ROOT=/app/staticfiles
VOLUME /data
USER dunmiao
EXPOSE 8000
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "3", "--threads", "8", \
     "--no-control-socket", "--worker-tmp-dir", "/dev/shm", "--access-logfile", "-"]
