# docker build --target cpu -t monodepth2 .     or --target cuda; docs/sharing.md has how to run it
FROM python:3.11-slim AS base
# the working directory is a folder of the user's, and HOME is there, so that runs (~/tmp) and caches stay when the
# container goes; USER is for a user id that the image does not know (docker run --user)
ENV HOME=/work USER=monodepth2 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PYTHONUNBUFFERED=1
WORKDIR /source

FROM base AS cpu
# without CUDA's libraries, which are gigabytes; a mirror of this index: --build-arg TORCH_INDEX=ADDRESS
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install torch torchvision --index-url $TORCH_INDEX
COPY pyproject.toml README.md LICENSE ./
COPY splits ./splits
COPY monodepth2 ./monodepth2
ARG EXTRAS=prepare,predict,onnx,encoders,hub
RUN pip install ".[$EXTRAS]"
WORKDIR /work
ENTRYPOINT ["monodepth2"]

FROM base AS cuda
# for --compile, whose kernels are started by a few lines of C
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
# PyPI's wheels bring CUDA's libraries along: the host needs a driver and NVIDIA's container toolkit
RUN pip install torch torchvision
COPY pyproject.toml README.md LICENSE ./
COPY splits ./splits
COPY monodepth2 ./monodepth2
ARG EXTRAS=prepare,predict,onnx,encoders,hub
RUN pip install ".[$EXTRAS]"
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /work
ENTRYPOINT ["monodepth2"]
