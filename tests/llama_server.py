"""llama.cpp's server, from the package xllamacpp, in a process of its own.

``python -m tests.llama_server MODEL.gguf [KEY] [--slot N] [--name NAME]`` prints its address once it listens,
and serves until its standard input is closed, so that it never outlives whoever started it.
"""

from __future__ import annotations

import argparse
import sys

import xllamacpp


def main() -> None:
    """Serve, until nobody is there any more."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("keys", nargs="*")
    parser.add_argument("--slot", type=int, help="the room of each sequence, instead of one that they share")
    parser.add_argument("--name", default="mini", help="what the model is called there")
    args = parser.parse_args()
    params = xllamacpp.CommonParams()
    params.model.path = args.model
    params.model_alias = {args.name}
    params.port = 0  # a free one
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_parallel = 8
    params.kv_unified = args.slot is None  # the sequences share the room
    params.n_ctx = 8 * (args.slot or 1024)
    # In float32, as everything else in these tests; by default its KV cache is in float16.
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.api_keys = args.keys
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201 - whoever started it reads this
    sys.stdin.read()


if __name__ == "__main__":
    main()
