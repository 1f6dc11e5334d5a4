# The environment of requirements.lock with Blender's libraries, and `synth` as its command.
#
#   docker build -t surrealpp .                              torch's CPU build
#   docker build -t surrealpp:cuda --build-arg DEVICE=cuda . torch with CUDA; run it with --gpus all
#   docker run --rm -v "$PWD:/data" surrealpp harvest-textures --images photos --licence CC-BY-4.0 --out textures
#
# Paths in a command are below /data. The tests look at what this file names, but no image is built there.
FROM python:3.11-slim-bookworm

ARG DEVICE=cpu

# make, and what Blender links to (synth/scene/system_libraries.py).
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        make libx11-6 libxrender1 libxfixes3 libxi6 libxkbcommon0 libsm6 libice6 libgl1 \
    && rm -rf /var/lib/apt/lists/*

ENV SURREALPP_CACHE=/opt/cache/surrealpp \
    ANNY_CACHE_DIR=/opt/cache/anny \
    NUMBA_CACHE_DIR=/opt/cache/numba \
    PATH=/opt/surrealpp/.venv/bin:$PATH

WORKDIR /opt/surrealpp
COPY Makefile pyproject.toml requirements.lock setup.cfg README.md LICENSE ./
COPY mocap mocap
COPY textures textures
COPY synth synth
COPY action_recog action_recog

# Without an index of its own torch comes from pip's, which is the build with CUDA.
RUN case "$DEVICE" in \
        cpu) make .venv/.installed PIP_ARGS=--no-cache-dir ;; \
        cuda) make .venv/.installed PIP_ARGS=--no-cache-dir TORCH_INDEX= ;; \
        *) echo "DEVICE=$DEVICE: expected cpu or cuda" >&2; exit 1 ;; \
    esac

# The one-time work, done here; it fails where something would not run. Any user may write the caches.
RUN synth doctor --prepare && chmod -R a+rwX /opt/cache

WORKDIR /data
ENTRYPOINT ["synth"]
CMD ["--help"]
