# The server and what it loads, nothing else. It runs from source; only the Prisma client is generated.
FROM node:24.21.0-trixie-slim AS base
WORKDIR /app

# `prepare` generates the client with tools that the final image does not have.
FROM base AS client
COPY package.json package-lock.json .npmrc ./
COPY prisma/schema.prisma prisma/
RUN npm ci --omit=optional

# Optional dependencies are the embedded Postgres and, as optional peers, prisma and typescript. Of the
# rest, most is never loaded: Prisma's compilers for other databases, other stylesheets, types, maps,
# OpenTelemetry's second and third copy of itself for bundlers.
FROM base AS modules
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional \
  && cd node_modules \
  && find @prisma/client/runtime -name '*_compiler_*' ! -name 'query_compiler_small_bg.postgresql*.mjs' -delete \
  && find @prisma/client/runtime -name 'wasm-compiler-edge.*' -delete \
  && find @picocss/pico -type f ! -name package.json ! -name 'LICENSE*' ! -name pico.classless.min.css -delete \
  && find . -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' \) -delete \
  && find . -type d -empty -delete \
  && rm -rf @types undici-types fastify/test fastify/docs @fastify/otel/test \
    @opentelemetry/*/build/esm @opentelemetry/*/build/esnext

# The password hash for processors of the last ten years. Where this cannot be built, or the processor is an
# older one, the binary that the package brings is loaded instead; a hash takes twice as long then.
FROM modules AS tuned
COPY scripts scripts
COPY src src
COPY --from=client /app/src/platform/prisma src/platform/prisma
RUN { apt-get update && apt-get install -y --no-install-recommends g++ make python3 \
  && node scripts/tune.ts --machine x86-64-v3 --build-only; } || echo 'argon2 stays as shipped'; \
  mkdir -p node_modules/argon2/build
# Compiled once, so that a start does not have to: by the user that runs it, for Node looks for no other's.
RUN install -d -o node node_modules/.cache \
  && setpriv --reuid=node --regid=node --clear-groups env \
    NODE_COMPILE_CACHE=node_modules/.cache/latchkey NODE_OPTIONS=--max-semi-space-size=8 node src/warm-up.ts \
  && chmod -R a+rX node_modules/.cache

FROM base
# npm is only for `npm run` here: no look for updates, no log that a read-only file system would refuse.
# Memory (docs/performance.md): each thread that hashes would keep its 19 MiB in an arena of its own, and V8 would
# let 128 MiB fill before it looks for what has died. The one arena keeps what some hashes need, in huge pages.
ENV MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=134217728
ENV GLIBC_TUNABLES=glibc.malloc.hugetlb=1 NODE_OPTIONS=--max-semi-space-size=8 ARGON2_SCHEDULING=idle
ENV NODE_COMPILE_CACHE=/app/node_modules/.cache/latchkey
ENV NODE_ENV=production NPM_CONFIG_UPDATE_NOTIFIER=false NPM_CONFIG_LOGS_MAX=0
COPY --from=modules /app/node_modules node_modules
COPY --from=tuned /app/node_modules/argon2/build node_modules/argon2/build
COPY --from=tuned /app/node_modules/.cache node_modules/.cache
COPY package.json LICENSE ./
COPY prisma prisma
COPY scripts scripts
COPY src src
COPY --from=client /app/src/platform/prisma src/platform/prisma
# Root owns the files and the server cannot change them; it writes nowhere.
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 3000) + '/livez').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/server.ts"]
