"""Serves a GGUF file with llama.cpp's OpenAI-compatible server on loopback; run as a process of its own.

    python local_server.py MODEL.gguf --alias NAME --parallel 2 [--embedding]

Prints `READY http://127.0.0.1:PORT/v1` and ends when its standard input does, so it never outlives
the process that started it, however that one ends.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

CONTEXT_TOKENS = 4096
HEAD_BYTES = 65_536
"""Of a GGUF file: what a model's architecture says of itself stands there, long before its tokens."""
START_WAIT_S = 120.0


def serve(arguments: argparse.Namespace) -> None:
    """Start the server, say where, and wait for the end of standard input."""
    import xllamacpp

    params: Any = xllamacpp.CommonParams()
    params.model.path = arguments.gguf
    params.model_alias = {arguments.alias}
    params.port = 0
    params.n_parallel = arguments.parallel
    params.n_ctx = arguments.context * arguments.parallel
    # More threads than free cores make llama.cpp spin; two requests at once already use two.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = arguments.threads
    # With the prompt cache, what was asked before changes the numbers, and temperature 0 is not reproducible.
    params.cache_prompt = False
    params.cache_ram_mib = 0
    if arguments.embedding:
        params.embedding = True
        # A text is embedded in one piece.
        params.n_batch = params.n_ubatch = arguments.context
        if not _says_pooling(arguments.gguf):
            params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(params)
    _wait_until_healthy(server.listening_address)
    sys.stdout.write(f"READY {server.listening_address}/v1\n")
    sys.stdout.flush()
    sys.stdin.read()
    # The server's own threads may be in the middle of a request; nothing is left to save.
    os._exit(0)


def _says_pooling(gguf: str) -> bool:
    """Whether the model says how its tokens become one vector; a model that is made to chat does not."""
    with Path(gguf).open("rb") as file:
        return b".pooling_type" in file.read(HEAD_BYTES)


def _wait_until_healthy(address: str) -> None:
    give_up_at = time.monotonic() + START_WAIT_S
    while True:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=1.0):  # noqa: S310 - loopback
                return
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gguf")
    parser.add_argument("--alias", required=True)
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--context", type=int, default=CONTEXT_TOKENS)
    parser.add_argument("--embedding", action="store_true")
    serve(parser.parse_args())


if __name__ == "__main__":
    main()
