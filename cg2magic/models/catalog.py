"""The models known by name: where to find them, what they can do, how their weights are grouped."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from typing import Literal

Holes = Literal["none", "one", "many"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalog.

    Attributes
    ----------
    name : str
        The name that people type.
    repo : str or None
        Its id on the Hugging Face Hub; None for the model that is included in the package.
    family : str
        The format of its prompts: a key of `families.FORMATS`.
    parameters : int
    groups : int or None
        Number of groups of ``[q | v | k]`` in its ``qkv_proj``, if the checkpoint has CodeGen's layout.
    licence : str
        SPDX identifier or name of the weights' licence.
    holes : {"none", "one", "many"}
        How many holes it can fill in one request.
    saved : {"fp32", "bf16", "fp16"}
        Precision of the files on the Hub.
    gated : bool
        Whether users must accept the authors' terms on the Hub before they can download it.
    refusal : str
        Why it can't be loaded, and what to use instead; empty if it can be loaded.
    humaneval : float or None
        How many per cent of HumanEval's problems it solves at the first attempt (pass@1), as published; None
        if no published number is known.
    gguf : str or None
        A model on the Hub that has it as a GGUF in Q4_K_M.
    """

    name: str
    repo: str | None
    family: str
    parameters: int
    groups: int | None
    licence: str
    holes: Holes
    saved: Literal["fp32", "bf16", "fp16"] = "fp32"
    gated: bool = False
    refusal: str = ""
    humaneval: float | None = None
    gguf: str | None = None

    @property
    def download(self) -> int:
        """Size of the weight files in bytes, from parameters and precision; 0 if included in the package."""
        return self.parameters * (4 if self.saved == "fp32" else 2) if self.repo else 0

    @property
    def in_four_bits(self) -> int:
        """Size of its file in Q4_K_M in bytes, roughly: 4.9 bits a weight, more for the embeddings."""
        return int(self.parameters * 0.61) + 90_000_000

    @property
    def size(self) -> str:
        """Its name without the end that tells variants of one size apart: ``_P``, ``-mono``."""
        return _VARIANT.sub("", self.name)


_VARIANT = re.compile(r"(?:_P|-mono|-multi|-nl|-multi_P|-mono_P)\Z")


def _codegen2(size: str, parameters: int, groups: int, humaneval: float) -> tuple[Entry, Entry]:
    name = f"codegen2-{size}"
    entry = Entry(
        name,
        f"Salesforce/{name}",
        "codegen2",
        parameters,
        groups,
        "Apache-2.0",
        "many",
        humaneval=humaneval,
    )
    return entry, replace(entry, name=f"{name}_P", repo=f"{entry.repo}_P", humaneval=None)


def _codegen1(size: str, parameters: int, data: str, humaneval: float) -> Entry:
    name = f"codegen-{size}-{data}"
    return Entry(
        name,
        f"Salesforce/{name}",
        "causal",
        parameters,
        4,
        "BSD-3-Clause",
        "none",
        "fp16",
        humaneval=humaneval,
    )


def _codegen25(data: str, humaneval: float) -> Entry:
    name = f"codegen25-7b-{data}_P"
    return Entry(
        name,
        f"Salesforce/{name}",
        "codegen2",
        6_906_000_000,
        None,
        "Apache-2.0",
        "many",
        refusal=(
            "its tokenizer exists only as code in its repository, and a model's code is never run; use "
            "codegen2-7B, or a folder of your own with these weights and a tokenizer.json made from that code"
        ),
        humaneval=humaneval,
    )


def _fim(
    repo: str,
    family: str,
    millions: int,
    licence: str,
    humaneval: float | None = None,
    *,
    saved: Literal["fp32", "bf16"] = "bf16",
    gated: bool = False,
    gguf: str | None = None,
) -> Entry:
    return Entry(
        repo.rpartition("/")[2],
        repo,
        family,
        millions * 1_000_000,
        None,
        licence,
        "one",
        saved,
        gated,
        humaneval=humaneval,
        gguf=gguf,
    )


def _qwen(size: str, millions: int, humaneval: float, owner: str, licence: str = "Apache-2.0") -> Entry:
    name = f"Qwen2.5-Coder-{size}"
    return _fim(f"Qwen/{name}", "qwen2.5-coder", millions, licence, humaneval, gguf=f"{owner}/{name}-GGUF")


def _starcoder(name: str, millions: int, humaneval: float, gguf: str | None = None) -> Entry:
    return _fim(
        f"bigcode/{name}",
        "starcoder",
        millions,
        "BigCode OpenRAIL-M",
        humaneval,
        saved="fp32",
        gated=gguf is None,
        gguf=gguf,
    )


def _granite(name: str, millions: int, humaneval: float | None = None) -> Entry:
    repo = f"ibm-granite/{name}"
    return _fim(repo, "starcoder", millions, "Apache-2.0", humaneval, gguf=f"{repo}-GGUF")


def _deepseek(size: str, millions: int, humaneval: float, gguf: str) -> Entry:
    repo = f"deepseek-ai/deepseek-coder-{size}-base"
    return _fim(repo, "deepseek-coder", millions, "DeepSeek", humaneval, gguf=gguf)


#: Names, sizes and licences are from public copies of the model cards; this was written without access to the
#: Hub. The parameter counts of CodeGen follow from the shapes of its tensors.
#:
#: The numbers of HumanEval are pass@1 of the base models. Those of Qwen2.5-Coder, StarCoder2, DeepSeek-Coder,
#: CodeGemma and Code Llama 7B stand side by side in table 5 of the technical report of Qwen2.5-Coder
#: (arXiv:2409.12186). The others are their authors': CodeGen arXiv:2203.13474, CodeGen2 arXiv:2305.02309,
#: CodeGen2.5 its announcement, StarCoder arXiv:2305.06161, SantaCoder and Granite their model cards, Code
#: Llama 13B arXiv:2308.12950. That of mini is ours.
CATALOG: tuple[Entry, ...] = (
    Entry("mini", None, "codegen2", 8_938_000, 8, "Apache-2.0", "many", humaneval=0.0),
    *_codegen2("1B", 1_015_000_000, 8, 10.3),
    *_codegen2("3_7B", 3_641_000_000, 8, 14.9),
    *_codegen2("7B", 6_862_000_000, 4, 19.1),
    *_codegen2("16B", 16_032_000_000, 4, 20.5),
    _codegen25("multi", 28.4),
    _codegen25("mono", 33.1),
    _codegen1("350M", 357_000_000, "mono", 12.8),
    _codegen1("350M", 357_000_000, "multi", 6.7),
    _codegen1("350M", 357_000_000, "nl", 2.1),
    _codegen1("2B", 2_779_000_000, "mono", 23.7),
    _codegen1("2B", 2_779_000_000, "multi", 14.5),
    _codegen1("2B", 2_779_000_000, "nl", 6.7),
    _codegen1("6B", 7_069_000_000, "mono", 26.1),
    _codegen1("6B", 7_069_000_000, "multi", 18.2),
    _codegen1("6B", 7_069_000_000, "nl", 10.4),
    _codegen1("16B", 16_032_000_000, "mono", 29.3),
    _codegen1("16B", 16_032_000_000, "multi", 18.3),
    _codegen1("16B", 16_032_000_000, "nl", 14.2),
    _qwen("0.5B", 494, 28.0, "bartowski"),
    _qwen("1.5B", 1_544, 43.9, "QuantFactory"),
    _qwen("3B", 3_086, 52.4, "bartowski", "Qwen Research (non-commercial)"),
    _qwen("7B", 7_616, 61.6, "QuantFactory"),
    _qwen("14B", 14_770, 64.0, "QuantFactory"),
    _qwen("32B", 32_764, 65.9, "bartowski"),
    _fim("bigcode/gpt_bigcode-santacoder", "santacoder", 1_125, "CodeML OpenRAIL-M", 18.0, saved="fp32"),
    _starcoder("starcoderbase-1b", 1_137, 15.2),
    _starcoder("starcoderbase-3b", 3_043, 21.5),
    _starcoder("starcoderbase-7b", 7_327, 28.4),
    _starcoder("starcoder", 15_518, 33.6),
    _starcoder("starcoder2-3b", 3_030, 31.7, "second-state/StarCoder2-3B-GGUF"),
    _starcoder("starcoder2-7b", 7_174, 35.4, "second-state/StarCoder2-7B-GGUF"),
    _starcoder("starcoder2-15b", 15_958, 46.3, "second-state/StarCoder2-15B-GGUF"),
    _granite("granite-3b-code-base-2k", 3_483),
    _granite("granite-8b-code-base-4k", 8_055, 43.9),
    _granite("granite-20b-code-base-8k", 20_074),
    _deepseek("1.3b", 1_346, 34.8, "TheBloke/deepseek-coder-1.3b-base-GGUF"),
    _deepseek("6.7b", 6_740, 47.6, "TheBloke/deepseek-coder-6.7B-base-GGUF"),
    _deepseek("33b", 33_343, 54.9, "TheBloke/deepseek-coder-33B-base-GGUF"),
    _fim("google/codegemma-2b", "codegemma", 2_506, "Gemma", 31.1, gated=True),
    _fim("google/codegemma-7b", "codegemma", 8_538, "Gemma", 39.0, gated=True),
    _fim("codellama/CodeLlama-7b-hf", "codellama", 6_739, "Llama 2", 33.5),
    _fim("codellama/CodeLlama-13b-hf", "codellama", 13_016, "Llama 2", 36.0),
    _fim("mistralai/Codestral-22B-v0.1", "codestral", 22_247, "MNPL-0.1 (non-commercial)", gated=True),
)


def find(name: str) -> Entry | None:
    """Return the entry with this name or Hub id, ignoring case."""
    wanted = name.casefold()
    for entry in CATALOG:
        if wanted in (entry.name.casefold(), (entry.repo or entry.name).casefold()):
            return entry
    return None


def knows(repo: str) -> bool:
    """Whether a model of the Hub is in the catalog, by any of its ids."""
    wanted = repo.casefold()
    return any(wanted in ((entry.repo or "").casefold(), (entry.gguf or "").casefold()) for entry in CATALOG)


def closest(name: str, n: int = 3) -> tuple[str, ...]:
    """Return known names for what was typed: those that contain all its words, or else the closest ones."""
    wanted = name.casefold().rpartition("/")[2]
    known = {entry.name.casefold(): entry.name for entry in CATALOG}
    words = re.findall(r"[a-z0-9.]+", wanted)
    found = [each for each in known if words and all(word in each for word in words)]
    found = found or difflib.get_close_matches(wanted, known, n=n, cutoff=0.5)
    return tuple(known[match] for match in found[:n])


def did_you_mean(name: str) -> str:
    """Return a question that suggests known names, or the way to all of them if none is close."""
    found = closest(name)
    if not found:
        return "`%cg2 load` without a name shows which models suit this machine."
    *others, last = found
    before = f"{', '.join(others)} or " if others else ""
    return f"did you mean {before}{last}?"
