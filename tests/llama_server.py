"""llama.cpp's server, from the package xllamacpp, in a process of its own.

``python -m tests.llama_server MODEL.gguf [KEY]`` prints its address once it listens, and serves until its
standard input is closed, so that it never outlives whoever started it.
"""

from __future__ import annotations

import sys

import xllamacpp


def main() -> None:
    """Serve, until nobody is there any more."""
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.model_alias = {"mini"}
    params.port = 0  # a free one
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_parallel = 8
    params.kv_unified = True  # the sequences share the room
    params.n_ctx = 8 * 1024
    # In float32, as everything else in these tests; by default its KV cache is in float16.
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    if len(sys.argv) > 2:
        params.api_keys = sys.argv[2:]
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201 - whoever started it reads this
    sys.stdin.read()


if __name__ == "__main__":
    main()
