"""llama.cpp's C functions, from whichever Python package has them.

Two packages are supported, because each has what the other lacks. Both are ctypes around llama.cpp's C API,
so they differ only in names.

- ``ik-llama-cpp-python`` is what our extra ``gguf`` installs: wheels for Linux, macOS and Windows, of a fork
  that reads and writes faster on CPUs.
- ``llama-cpp-python`` is the best known: many have it already, and it is how llama.cpp is built for a GPU. It
  has to be compiled.

A binding must give logits, which the decoding loops need, without copying them into Python objects.
"""

from __future__ import annotations

import ctypes
import importlib
import re
import subprocess
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int32, c_void_p
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cg2magic.errors import LoadError
from cg2magic.models.gguf.kinds import FILE_TYPES
from cg2magic.models.threads import short_spins
from cg2magic.wording import one_line

#: An opaque pointer: to a model, to a context.
Pointer = int

_MISSING = (
    "a GGUF needs llama.cpp: pip install 'cg2magic[gguf]', or llama-cpp-python where that has no wheel; then "
    "restart the kernel"
)

#: The level of errors in llama.cpp's log, and what stands before their text.
_ERROR = 4
_FUNCTION = re.compile(r"\A(?:\w+: )+|error loading model(?: \w+)?: (?:\w+: )?")


class Binding(ABC):
    """llama.cpp's functions under the same names, whichever package they are from.

    Attributes
    ----------
    package : str
        Name of the package on PyPI.
    c : module
        Its low-level module.
    """

    package: str
    module: str
    #: Name of this function, which differs.
    free_model_name: str

    def __init__(self) -> None:
        with short_spins():
            self.c: Any = importlib.import_module(self.module)
        self._said: deque[str] = deque(maxlen=50)
        self._saying = threading.Lock()
        self.c.llama_backend_init()
        self._listen()

    def declare(self, name: str, arguments: list[Any], result: Any) -> Any:
        """Return a function of the library that the package does not declare, or declares otherwise."""
        prototype = ctypes.CFUNCTYPE(result, *arguments)
        return prototype((name, self._library()))

    def load(
        self, path: str, *, gpu: bool, progress: Callable[[float], bool] | None = None
    ) -> Pointer | None:
        """Load a model; None if that failed, see `reason`.

        Parameters
        ----------
        path : str
        gpu : bool
            Whether to put all layers on a GPU.
        progress : callable, optional
            Receives the part that is loaded, up to 1; returns whether to go on.
        """
        self._said.clear()
        params = self.c.llama_model_default_params()
        params.n_gpu_layers = 999 if gpu else 0
        kind = dict(params._fields_)["progress_callback"]
        # ctypes calls the function as long as the object is there: keep it until the model is loaded.
        told = kind(lambda part, _: progress is None or progress(part))
        params.progress_callback = told
        return self.c.llama_model_load_from_file(path.encode(), params)

    def free_model(self, model: Pointer) -> None:
        """Free a model."""
        getattr(self.c, self.free_model_name)(model)

    def new_context(
        self, model: Pointer, *, cells: int, batch: int, sequences: int, threads: int
    ) -> Pointer | None:
        """Make a context: the KV cache of `cells` tokens, which all sequences share."""
        self._said.clear()
        params = self.c.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = params.n_ubatch = batch
        params.n_seq_max = sequences
        params.n_threads = params.n_threads_batch = threads
        self._adjust(params)
        return self.c.llama_init_from_model(model, params)

    def free_context(self, context: Pointer) -> None:
        """Free a context."""
        self.c.llama_free(context)

    def tokenize(self, model: Pointer, text: bytes, *, opening: bool) -> list[int]:
        """Return the token ids of a text, never those of special tokens that it spells.

        Parameters
        ----------
        model : Pointer
        text : bytes
        opening : bool
            Whether to add the tokens that begin and end a text, if the model wants them.
        """
        owner = self._tokenizes(model)
        room = len(text) + 8
        ids = (c_int32 * room)()
        count = self.c.llama_tokenize(owner, text, len(text), ids, room, opening, 0)
        if count < 0:
            ids = (c_int32 * -count)()
            count = self.c.llama_tokenize(owner, text, len(text), ids, -count, opening, 0)
        return ids[: max(0, count)]

    @abstractmethod
    def quantize(self, source: Path, target: Path, kind: str) -> None:
        """Write a model in another precision, such as ``Q4_K_M``; raise RuntimeError if that fails."""

    def decode(self, context: Pointer, batch: Any) -> int:
        """Run a batch; 0 if that worked, 1 if the KV cache has no room for it."""
        self._said.clear()
        return self.c.llama_decode(context, batch)

    def reason(self) -> str:
        """Return what llama.cpp said last about an error; empty if it said nothing."""
        with self._saying:
            # The first names the cause, and those after it what came of it.
            said = next(iter(self._said), "")
        return _FUNCTION.sub("", said)

    @property
    def has_gpu(self) -> bool:
        """Whether it was built for a GPU that is here."""
        return bool(self.declare("llama_supports_gpu_offload", [], c_bool)())

    def _listen(self) -> None:
        """Keep the errors that llama.cpp logs, and let it write nothing to the kernel's standard error."""

        def hear(level: int, line: bytes, _: object) -> None:
            if level == _ERROR:
                with self._saying:
                    self._said.append(line.decode(errors="replace").strip())

        kind = ctypes.CFUNCTYPE(None, c_int32, c_char_p, c_void_p)
        self._hear = kind(hear)
        self.declare("llama_log_set", [kind, c_void_p], None)(self._hear, None)

    @abstractmethod
    def _library(self) -> ctypes.CDLL: ...

    @abstractmethod
    def _tokenizes(self, model: Pointer) -> Pointer: ...

    @abstractmethod
    def _adjust(self, params: Any) -> None:
        """Set what is specific to the package."""

    @abstractmethod
    def remove(self, context: Pointer, sequence: int, start: int) -> bool:
        """Remove the tokens of a sequence from a position on."""

    @abstractmethod
    def copy(self, context: Pointer, source: int, target: int) -> None:
        """Let another sequence begin as this one: they share the cells."""


class _Ik(Binding):
    package, module, free_model_name = "ik-llama-cpp-python", "ik_llama_cpp._ctypes_api", "llama_free_model"

    def __init__(self) -> None:
        super().__init__()
        self._remove = self.declare("llama_kv_cache_seq_rm", [c_void_p, c_int32, c_int32, c_int32], c_bool)
        self._copy = self.declare(
            "llama_kv_cache_seq_cp", [c_void_p, c_int32, c_int32, c_int32, c_int32], None
        )

    def _library(self) -> ctypes.CDLL:
        return self.c._lib  # noqa: SLF001 - it declares only some of the functions

    def quantize(self, source: Path, target: Path, kind: str) -> None:
        program = importlib.import_module("ik_llama_cpp.quantize").find_quantize_bin()
        if program is None:
            raise RuntimeError(f"{self.package} has no llama-quantize")
        command = [str(program), str(source), str(target), kind]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 - theirs
        if done.returncode:
            raise RuntimeError(one_line(f"{done.stdout} {done.stderr}", tail=True))

    def _tokenizes(self, model: Pointer) -> Pointer:
        return model

    def _adjust(self, params: Any) -> None:
        # Its flash attention ends the process where the first cells belong to another sequence.
        params.flash_attn = False

    def remove(self, context: Pointer, sequence: int, start: int) -> bool:
        return self._remove(context, sequence, start, -1)

    def copy(self, context: Pointer, source: int, target: int) -> None:
        self._copy(context, source, target, -1, -1)


class _LlamaCpp(Binding):
    package, module, free_model_name = "llama-cpp-python", "llama_cpp.llama_cpp", "llama_model_free"

    def _library(self) -> ctypes.CDLL:
        return self.c._lib  # noqa: SLF001 - as above

    def quantize(self, source: Path, target: Path, kind: str) -> None:
        self._said.clear()
        params = self.c.llama_model_quantize_default_params()
        params.ftype = next(number for number, name in FILE_TYPES.items() if name == kind)
        if self.c.llama_model_quantize(bytes(source), bytes(target), ctypes.byref(params)):
            raise RuntimeError(self.reason() or "llama.cpp does not say why")

    def _tokenizes(self, model: Pointer) -> Pointer:
        return self.c.llama_model_get_vocab(model)

    def _adjust(self, params: Any) -> None:
        # One pool of cells for all sequences; and the whole past, where a model has a window, so that what
        # came last can be removed again.
        params.kv_unified = True
        params.swa_full = True

    def remove(self, context: Pointer, sequence: int, start: int) -> bool:
        return self.c.llama_memory_seq_rm(self.c.llama_get_memory(context), sequence, start, -1)

    def copy(self, context: Pointer, source: int, target: int) -> None:
        self.c.llama_memory_seq_cp(self.c.llama_get_memory(context), source, target, -1, -1)


_BINDINGS = {"ik_llama_cpp": _Ik, "llama_cpp": _LlamaCpp}


def is_installed() -> bool:
    """Whether there is a package with llama.cpp; nothing is imported."""
    return any(find_spec(name) is not None for name in _BINDINGS)


@cache
def binding() -> Binding:
    """Import the binding that is installed; of two, the one that was built for a GPU.

    Raises
    ------
    LoadError
        If there is none, or the one that is there can't be used.
    """
    trouble, found = _MISSING, []
    for name, kind in _BINDINGS.items():
        if find_spec(name) is None:
            continue
        try:
            found.append(kind())
        except (ImportError, OSError, AttributeError, RuntimeError) as error:
            trouble = f"the package {kind.package} does not work here ({error}); install it again"
    if not found:
        raise LoadError(one_line(trouble, 400))
    return next((each for each in found if each.has_gpu), found[0])


#: What `Binding.declare` needs for tables of numbers.
FLOATS = POINTER(c_float)
