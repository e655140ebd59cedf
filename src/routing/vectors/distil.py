#!/usr/bin/env python3
"""Makes words.bin: what a sentence encoder knows of single words, in two megabytes.

Each token of the vocabulary is encoded by itself with all-MiniLM-L6-v2 (Apache-2.0, Nils Reimers and
others), the vectors are reduced to their principal components, and frequent tokens are made shorter
(the recipe of Model2Vec, by Minish Lab). `make vectors` fetches what is needed and takes three minutes
on two cores.

words.bin: the number of tokens and of dimensions (u32, little endian), a row of i8 for each token,
and the tokens, a line each; a token that continues a word begins with ##.
"""
import struct
import sys

import numpy as np
from safetensors.numpy import load_file

DIMENSIONS, HIDDEN, LAYERS, HEADS, BATCH = 64, 384, 6, 12, 512
CLS, SEP = 101, 102


def main(model, target):
    weights = load_file(f"{model}/model.safetensors")
    vocabulary = open(f"{model}/vocab.txt", encoding="utf-8").read().split("\n")
    kept = [number for number, token in enumerate(vocabulary) if is_of_use(token)]
    vectors = np.concatenate([
        encode(weights, np.array(kept[at:at + BATCH])) for at in range(0, len(kept), BATCH)
    ]).astype(np.float64)
    vectors = principal_components(vectors)
    # The vocabulary is sorted by frequency, and that falls as Zipf says.
    vectors *= np.log(2 + np.arange(len(kept)))[:, None]
    scale = 127 / np.percentile(np.abs(vectors), 99.99)
    rows = np.clip(np.round(vectors * scale), -127, 127).astype(np.int8)
    with open(target, "wb") as file:
        file.write(struct.pack("<II", len(kept), DIMENSIONS))
        file.write(rows.tobytes())
        file.write("\n".join(vocabulary[number] for number in kept).encode())


def is_of_use(token):
    special = len(token) > 1 and token.startswith("[") and token.endswith("]")
    return token.isascii() and token != "" and not special


def principal_components(vectors):
    vectors = vectors - vectors.mean(0)
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    return vectors @ directions[:, ::-1][:, :DIMENSIONS]


def encode(weights, tokens):
    """The mean of what BERT makes of [CLS] token [SEP]."""
    ids = np.stack([np.full_like(tokens, CLS), tokens, np.full_like(tokens, SEP)], 1)
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][:3]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    x = normalise(weights, "embeddings.LayerNorm", x)
    for layer in range(LAYERS):
        x = transform(weights, f"encoder.layer.{layer}", x)
    return x.mean(1)


def transform(weights, layer, x):
    batch, length, _ = x.shape

    def heads(name):
        y = linear(weights, f"{layer}.attention.self.{name}", x)
        return y.reshape(batch, length, HEADS, HIDDEN // HEADS).transpose(0, 2, 1, 3)

    scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / np.sqrt(HIDDEN // HEADS)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    scores /= scores.sum(-1, keepdims=True)
    mixed = (scores @ heads("value")).transpose(0, 2, 1, 3).reshape(batch, length, HIDDEN)
    mixed = x + linear(weights, f"{layer}.attention.output.dense", mixed)
    x = normalise(weights, f"{layer}.attention.output.LayerNorm", mixed)
    inner = gelu(linear(weights, f"{layer}.intermediate.dense", x))
    return normalise(
        weights, f"{layer}.output.LayerNorm", x + linear(weights, f"{layer}.output.dense", inner)
    )


def linear(weights, name, x):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def normalise(weights, name, x):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12)
    return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def gelu(x):
    # The error function by Abramowitz and Stegun, 7.1.26.
    z = np.abs(x) / np.sqrt(2.0)
    t = 1 / (1 + 0.3275911 * z)
    p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return 0.5 * x * (1 + np.sign(x) * (1 - p * np.exp(-z * z)))


if __name__ == "__main__":
    main(*sys.argv[1:])
