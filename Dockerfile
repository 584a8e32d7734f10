# The engine in an image: built with everything, shipped with what it needs to run. docs/deploy/README.md tells how to use it.
# Debian, because uWebSockets.js and LMDB come as binaries for glibc; Node.js 20, because its binary of uWebSockets.js needs no newer glibc.
ARG BASE=node:20.20.2-bookworm-slim

FROM ${BASE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run --silent build

FROM ${BASE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
# uWebSockets.js carries a binary for every system and version of Node.js: one of some forty is of use here.
RUN find node_modules/uWebSockets.js -name 'uws_*.node' ! -name "uws_linux_$(node -p 'process.arch + "_" + process.versions.modules').node" -delete

FROM ${BASE}
# tini is process 1: it passes signals on from the first moment, also before the engine listens for them.
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8000 DATA_DIR=/data
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY migrations migrations
COPY scripts/healthcheck.mjs scripts/healthcheck.mjs
RUN install -d -o node -g node /data
USER node
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["node", "scripts/healthcheck.mjs"]
ENTRYPOINT ["tini", "--"]
CMD ["node", "dist/src/main.js"]
