#!/usr/bin/env bash
# A weight file made elsewhere evaluates directly: DeepConvNet's parameters go to PyTorch, which classifies the test images with them and writes them as npz;
# disttrain evaluates that file, and its own. Needs python3 with torch and numpy (Debian: python3-torch).
source "$(dirname "$0")/common.sh"
python=${PYTHON:-/usr/bin/python3}
trained=$(disttrain train --workers 0 --dataset mnist --data "$DISTTRAIN_DATA" --model deep-convnet --optimizer adam --steps "${STEPS:-60}" --evaluate-every end --json \
  --out "$out/run" 2>"$out/stderr" | tail -1)
accuracy() { sed -n 's/.*"testAccuracy":\([0-9.]*\).*/\1/p'; }
expected=$(accuracy <<<"$trained")
elsewhere=$("$python" - "$out/run/parameters.safetensors" "$out/weights.npz" "$DISTTRAIN_DATA/mnist" <<'PYTHON'
import gzip, json, os, struct, sys
import numpy, torch
from torch import nn

def read(path):
    opener = gzip.open if os.path.exists(path + ".gz") else open
    return opener(path + ".gz" if opener is gzip.open else path, "rb").read()

raw = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", raw[:8])[0]
header = json.loads(raw[8:8 + size])
header.pop("__metadata__", None)
state = {}
for name, tensor in header.items():
    begin, end = tensor["data_offsets"]
    state[name] = torch.from_numpy(numpy.frombuffer(raw[8 + size + begin:8 + size + end], "<f4").reshape(tensor["shape"]).copy())

def filters(inputs, outputs, padding):
    return [nn.Conv2d(inputs, outputs, 3, padding=padding), nn.ReLU()]

model = nn.Sequential(
    *filters(1, 16, 1), *filters(16, 16, 1), nn.MaxPool2d(2), *filters(16, 32, 1), *filters(32, 32, 2), nn.MaxPool2d(2),
    *filters(32, 64, 1), *filters(64, 64, 1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64 * 4 * 4, 50), nn.ReLU(), nn.Dropout(0.5), nn.Linear(50, 10), nn.Dropout(0.5))
# PyTorch counts its Flatten as a layer; a disttrain affine layer flattens by itself.
flatten = [type(layer) for layer in model].index(nn.Flatten)
renamed = {}
for name, value in state.items():
    index, rest = name.split(".", 1)
    renamed[f"{int(index) + (int(index) >= flatten)}.{rest}"] = value
model.load_state_dict(renamed)
model.eval()
images = torch.from_numpy(numpy.frombuffer(read(sys.argv[3] + "/t10k-images-idx3-ubyte"), "u1", offset=16).reshape(-1, 1, 28, 28) / numpy.float32(255))
labels = torch.from_numpy(numpy.frombuffer(read(sys.argv[3] + "/t10k-labels-idx1-ubyte"), "u1", offset=8).astype("i8"))
with torch.no_grad():
    correct = sum((model(images[i:i + 500]).argmax(1) == labels[i:i + 500]).sum().item() for i in range(0, len(labels), 500))
numpy.savez(sys.argv[2], **{name: value.numpy() for name, value in state.items()})
print(correct / len(labels))
PYTHON
)
expect "PyTorch's accuracy with our parameters" "$expected" "$elsewhere"
for file in "$out/run/parameters.safetensors" "$out/weights.npz"; do
  expect "evaluate --weights ${file##*/}" "$expected" \
    "$(disttrain evaluate --model deep-convnet --weights "$file" --dataset mnist --data "$DISTTRAIN_DATA" --json 2>"$out/stderr" | accuracy)"
done
finish
