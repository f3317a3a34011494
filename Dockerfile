# An image with the CPU build of PyTorch and what the quickstart needs. docs/how-to/install.md says how it is used.
FROM python:3.11-slim

ARG EXTRAS=audio,pennylane
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

RUN apt-get update && apt-get install --yes --no-install-recommends git libgomp1 && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY pyproject.toml README.md LICENSE CHANGELOG.md constraints.txt registry.toml ./
COPY core core
COPY cli cli
COPY plugins plugins
# torch first, from its own index: PyPI's build for Linux brings gigabytes of CUDA. With an empty TORCH_INDEX that one comes.
RUN torch=$(grep '^torch==' constraints.txt) \
    && pip install --no-cache-dir "$torch" ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
    && pip install --no-cache-dir --constraint constraints.txt ".[$EXTRAS]"

RUN useradd --create-home qplug
USER qplug
WORKDIR /home/qplug
CMD ["qplug", "--help"]
