#!/usr/bin/env python3
"""Opens the parameters of a two-layer run in PyTorch, and tells what PyTorch sees in them.

    python3 samples/pytorch/open_in_pytorch.py RUN/parameters.safetensors [TEST_IMAGES TEST_LABELS]

With MNIST's two test files (t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte; gzipped or not) it also tells PyTorch's accuracy, which is that of
'disttrain evaluate RUN'. Needs torch and numpy; where the package safetensors is there, safetensors.torch.load_file does what load does.
"""
import gzip
import json
import struct
import sys

import numpy
import torch
from torch import nn


def load(path):
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    header.pop("__metadata__", None)

    def tensor(entry):
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        return torch.from_numpy(numpy.frombuffer(raw[begin:end], "<f4").reshape(entry["shape"]).copy())

    return {name: tensor(entry) for name, entry in header.items()}


def read(path, header_bytes):
    raw = open(path, "rb").read()
    return numpy.frombuffer(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw, "u1", offset=header_bytes)


model = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
print(model.load_state_dict(load(sys.argv[1])))
for name, tensor in model.state_dict().items():
    print(f"{name:10} {tuple(tensor.shape)}")
if len(sys.argv) > 3:
    images = torch.from_numpy(read(sys.argv[2], 16).reshape(-1, 784).astype("f4") / 255)
    labels = torch.from_numpy(read(sys.argv[3], 8).astype("i8"))
    with torch.no_grad():
        print(f"PyTorch's test accuracy {100 * (model(images).argmax(1) == labels).double().mean():.2f} %")
