"""PyTorch on MNIST in one process: the peer to measure beside us.
usage: pytorch.py MNIST_DIRECTORY MODEL BATCH STEPS [THREADS]      prints steps per second, start-up and loading excluded"""
import gzip, struct, sys, time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

directory, model, batch, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(int(sys.argv[5]) if len(sys.argv) > 5 else 1)
torch.manual_seed(0)


def idx(name):
    raw = gzip.open(f"{directory}/{name}.gz").read()
    shape = struct.unpack(">" + "I" * raw[3], raw[4:4 + 4 * raw[3]])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


images = torch.from_numpy(idx("train-images-idx3-ubyte").reshape(-1, 784).astype(np.float32) / 255)
labels = torch.from_numpy(idx("train-labels-idx1-ubyte").astype(np.int64))
hidden = {"two-layer": [100], "mlp-1024": [1024, 1024], "multi-layer": [100, 100, 100]}[model]
layers, width = [], 784
for units in hidden:
    layers += [nn.Linear(width, units), nn.ReLU()]
    width = units
net = nn.Sequential(*layers, nn.Linear(width, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
generator = torch.Generator().manual_seed(0)


def step():
    chosen = torch.randint(0, len(images), (batch,), generator=generator)
    optimizer.zero_grad()
    F.cross_entropy(net(images[chosen]), labels[chosen]).backward()
    optimizer.step()


for _ in range(50):
    step()
start = time.perf_counter()
for _ in range(steps):
    step()
print(steps / (time.perf_counter() - start))
