"""PyTorch on MNIST in one process: the peer to measure beside us. The same networks, sgd at 0.1, a batch of randomly chosen images a step.
usage: pytorch.py MNIST_DIRECTORY MODEL BATCH STEPS [--threads N] [--channels-last] [--best-of N]
           prints steps per second, start-up and loading excluded; of N times so many steps the fastest
       pytorch.py --has MODEL
           exits 0 if it knows the network"""
import argparse, sys


def networks(nn):
    def dense(*widths):
        layers = []
        for before, after in zip(widths, widths[1:]):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return layers[:-1]

    def conv(channels, filters, padding=1):
        return [nn.Conv2d(channels, filters, 3, padding=padding), nn.ReLU()]

    def image():
        return nn.Unflatten(1, (1, 28, 28))

    return {
        "two-layer": lambda: dense(784, 100, 10),
        "mlp-1024": lambda: dense(784, 1024, 1024, 10),
        "multi-layer": lambda: dense(784, 100, 100, 100, 10),
        "simple-convnet": lambda: [image(), nn.Conv2d(1, 30, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), *dense(4320, 100, 10)],
        "deep-convnet": lambda: [
            image(), *conv(1, 16), *conv(16, 16), nn.MaxPool2d(2), *conv(16, 32), *conv(32, 32, padding=2), nn.MaxPool2d(2),
            *conv(32, 64), *conv(64, 64), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1024, 50), nn.ReLU(), nn.Dropout(), nn.Linear(50, 10), nn.Dropout()],
    }


def read_idx(directory, name):
    import gzip, struct
    import numpy as np
    raw = gzip.open(f"{directory}/{name}.gz").read()
    shape = struct.unpack(">" + "I" * raw[3], raw[4:4 + 4 * raw[3]])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def training_set(directory):
    import numpy as np, torch
    images = read_idx(directory, "train-images-idx3-ubyte").reshape(-1, 784).astype(np.float32) / 255
    return torch.from_numpy(images), torch.from_numpy(read_idx(directory, "train-labels-idx1-ubyte").astype(np.int64))


def measure(options):
    import time
    import torch, torch.nn as nn, torch.nn.functional as F
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    images, labels = training_set(options.directory)
    net = nn.Sequential(*networks(nn)[options.model]())
    if options.channels_last:
        net = net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(0)

    def step():
        chosen = torch.randint(0, len(images), (options.batch,), generator=generator)
        optimizer.zero_grad()
        F.cross_entropy(net(images[chosen]), labels[chosen]).backward()
        optimizer.step()

    for _ in range(min(50, max(5, options.steps // 4))):
        step()
    fastest = 0
    for _ in range(options.best_of):
        start = time.perf_counter()
        for _ in range(options.steps):
            step()
        fastest = max(fastest, options.steps / (time.perf_counter() - start))
    print(fastest)


def main():
    if sys.argv[1:2] == ["--has"]:
        sys.exit(sys.argv[2] not in networks(None))
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("directory")
    parser.add_argument("model")
    parser.add_argument("batch", type=int)
    parser.add_argument("steps", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--best-of", type=int, default=1)
    parser.add_argument("--channels-last", action="store_true")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
