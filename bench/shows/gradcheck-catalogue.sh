#!/usr/bin/env bash
# Backpropagation against the numerical gradient, in double, for every catalogue entry, batch norm in training and dropout's mask held: at most 1e-6.
source "$(dirname "$0")/common.sh"
models=${*:-two-layer mlp-1024 multi-layer simple-convnet deep-convnet lenet-5 inception-small vgg-small alexnet-28 resnet-20 resnet-20-cifar plain-20 perceptron-and perceptron-nand perceptron-or perceptron-xor alexnet}
for model in $models; do
  line=$(disttrain gradcheck --model "$model" --json | tail -1)
  passed=$(sed -n 's/.*"passed":\([a-z]*\).*/\1/p' <<<"$line")
  expect "$model: $(grep -o '"worstRelativeError":[^,]*\|"checked":[0-9]*,"kinks":[0-9]*' <<<"$line" | head -n 2 | tr '\n' ' ')" true "$passed"
done
finish
