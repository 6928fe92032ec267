"""Lets atheris run the target a million times from the corpus: `python -m tests.fuzz [-runs=N] [libFuzzer options]`.

Ends with an exit code other than 0 at the first body that raises, that takes a second of processor time or that makes
the process grow beyond a gigabyte. libFuzzer writes that body beside the seeds; it belongs into `tests/corpus/found`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ingest", "workers", "phonenumbers.phonenumberutil"]):
    from tests.fuzz.target import check

from tests.corpus import cases
from tests.corpus.documents import fields
from tests.corpus.odd_values import HOSTILE_TEXTS, NUMBERS_ANYWHERE
from tests.fuzz.mutator import mutate

FOLDER = Path(".data/fuzz")
RUNS = 1_000_000
MAX_LENGTH = 16_384
"""Bytes of a body; larger ones are slower and say little that is new"""
SLOW_SECONDS = 1.0
HANGING_SECONDS = 20
MAX_MEMORY_MB = 1024
TOKENS = [*'{}[]:,"', "null", "true", "false", "NaN", "Infinity", "1e400", "\\u0000", "\\ud800", "\\udfff", "\ufeff"]


def main() -> None:
    """Write seeds and dictionary, and fuzz."""
    seeds, found = FOLDER / "seeds", FOLDER / "corpus"
    for folder in (seeds, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate(cases()):
        if len(case.body) <= MAX_LENGTH:
            (seeds / f"{number:05}").write_bytes(case.body)
    dictionary = FOLDER / "json.dict"
    dictionary.write_text(_dictionary())
    options = {
        "runs": RUNS,
        "dict": dictionary,
        "max_len": MAX_LENGTH,
        "timeout": HANGING_SECONDS,
        "rss_limit_mb": MAX_MEMORY_MB,
        "artifact_prefix": f"{FOLDER}/",
        "print_final_stats": 1,
    }
    arguments = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *arguments, *sys.argv[1:], str(found), str(seeds)], _run, custom_mutator=_mutate)
    atheris.Fuzz()


def _run(body: bytes) -> None:
    begun = time.process_time()
    check(body)
    seconds = time.process_time() - begun
    assert seconds < SLOW_SECONDS, f"{len(body)} bytes took {seconds:.1f} s"


def _mutate(body: bytes, max_length: int, seed: int) -> bytes:
    return mutate(body, max_length, seed, atheris.Mutate)


def _dictionary() -> str:
    """Keys of the structs and pieces of JSON, as libFuzzer reads them."""
    keys = {f'"{field.steps[-1]}"' for field in fields() if isinstance(field.steps[-1], str)}
    words = [*TOKENS, *sorted(keys), *(text for text in NUMBERS_ANYWHERE if len(text) < 50), *HOSTILE_TEXTS.values()]
    written = (word.encode("utf-8", "surrogatepass") for word in words if len(word) < 60)
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in written)
    return "".join(f'"{word}"\n' for word in escaped)


if __name__ == "__main__":
    main()
