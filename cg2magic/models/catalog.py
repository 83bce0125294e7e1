"""The models known by name: where to find them, what they can do, how their weights are grouped."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
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

    @property
    def download(self) -> int:
        """Size of the weight files in bytes, from parameters and precision; 0 if included in the package."""
        return self.parameters * (4 if self.saved == "fp32" else 2) if self.repo else 0


def _codegen2(size: str, parameters: int, groups: int) -> Entry:
    name = f"codegen2-{size}"
    return Entry(name, f"Salesforce/{name}", "codegen2", parameters, groups, "Apache-2.0", "many")


def _codegen1(size: str, parameters: int, data: str) -> Entry:
    name = f"codegen-{size}-{data}"
    return Entry(name, f"Salesforce/{name}", "causal", parameters, 4, "BSD-3-Clause", "none", "fp16")


def _codegen25(data: str) -> Entry:
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
    )


def _fim(
    repo: str,
    family: str,
    millions: int,
    licence: str,
    saved: Literal["fp32", "bf16"] = "bf16",
    *,
    gated: bool = False,
) -> Entry:
    name = repo.rpartition("/")[2]
    return Entry(name, repo, family, millions * 1_000_000, None, licence, "one", saved, gated)


#: Names, sizes and licences are from public copies of the model cards; this was written without access to the
#: Hub. The parameter counts of CodeGen follow from the shapes of its tensors.
CATALOG: tuple[Entry, ...] = (
    Entry("mini", None, "codegen2", 8_938_000, 8, "Apache-2.0", "many"),
    _codegen2("1B", 1_015_000_000, 8),
    _codegen2("3_7B", 3_641_000_000, 8),
    _codegen2("7B", 6_862_000_000, 4),
    _codegen2("16B", 16_032_000_000, 4),
    _codegen2("1B_P", 1_015_000_000, 8),
    _codegen2("3_7B_P", 3_641_000_000, 8),
    _codegen2("7B_P", 6_862_000_000, 4),
    _codegen2("16B_P", 16_032_000_000, 4),
    _codegen25("multi"),
    _codegen25("mono"),
    *(_codegen1("350M", 357_000_000, data) for data in ("mono", "multi", "nl")),
    *(_codegen1("2B", 2_779_000_000, data) for data in ("mono", "multi", "nl")),
    *(_codegen1("6B", 7_069_000_000, data) for data in ("mono", "multi", "nl")),
    *(_codegen1("16B", 16_032_000_000, data) for data in ("mono", "multi", "nl")),
    _fim("Qwen/Qwen2.5-Coder-0.5B", "qwen2.5-coder", 494, "Apache-2.0"),
    _fim("Qwen/Qwen2.5-Coder-1.5B", "qwen2.5-coder", 1_544, "Apache-2.0"),
    _fim("Qwen/Qwen2.5-Coder-3B", "qwen2.5-coder", 3_086, "Qwen Research"),
    _fim("Qwen/Qwen2.5-Coder-7B", "qwen2.5-coder", 7_616, "Apache-2.0"),
    _fim("Qwen/Qwen2.5-Coder-14B", "qwen2.5-coder", 14_770, "Apache-2.0"),
    _fim("Qwen/Qwen2.5-Coder-32B", "qwen2.5-coder", 32_764, "Apache-2.0"),
    _fim("bigcode/gpt_bigcode-santacoder", "santacoder", 1_125, "CodeML OpenRAIL-M", "fp32"),
    _fim("bigcode/starcoderbase-1b", "starcoder", 1_137, "BigCode OpenRAIL-M", "fp32", gated=True),
    _fim("bigcode/starcoderbase-3b", "starcoder", 3_043, "BigCode OpenRAIL-M", "fp32", gated=True),
    _fim("bigcode/starcoderbase-7b", "starcoder", 7_327, "BigCode OpenRAIL-M", "fp32", gated=True),
    _fim("bigcode/starcoder", "starcoder", 15_518, "BigCode OpenRAIL-M", "fp32", gated=True),
    _fim("bigcode/starcoder2-3b", "starcoder", 3_030, "BigCode OpenRAIL-M", "fp32"),
    _fim("bigcode/starcoder2-7b", "starcoder", 7_174, "BigCode OpenRAIL-M", "fp32"),
    _fim("bigcode/starcoder2-15b", "starcoder", 15_958, "BigCode OpenRAIL-M", "fp32"),
    _fim("ibm-granite/granite-3b-code-base-2k", "starcoder", 3_483, "Apache-2.0"),
    _fim("ibm-granite/granite-8b-code-base-4k", "starcoder", 8_055, "Apache-2.0"),
    _fim("ibm-granite/granite-20b-code-base-8k", "starcoder", 20_074, "Apache-2.0"),
    _fim("deepseek-ai/deepseek-coder-1.3b-base", "deepseek-coder", 1_346, "DeepSeek"),
    _fim("deepseek-ai/deepseek-coder-6.7b-base", "deepseek-coder", 6_740, "DeepSeek"),
    _fim("deepseek-ai/deepseek-coder-33b-base", "deepseek-coder", 33_343, "DeepSeek"),
    _fim("google/codegemma-2b", "codegemma", 2_506, "Gemma", gated=True),
    _fim("google/codegemma-7b", "codegemma", 8_538, "Gemma", gated=True),
    _fim("codellama/CodeLlama-7b-hf", "codellama", 6_739, "Llama 2"),
    _fim("codellama/CodeLlama-13b-hf", "codellama", 13_016, "Llama 2"),
    _fim("mistralai/Codestral-22B-v0.1", "codestral", 22_247, "MNPL-0.1", gated=True),
)


def find(name: str) -> Entry | None:
    """Return the entry with this name or Hub id, ignoring case."""
    wanted = name.casefold()
    for entry in CATALOG:
        if wanted in (entry.name.casefold(), (entry.repo or entry.name).casefold()):
            return entry
    return None


def closest(name: str, n: int = 3) -> tuple[str, ...]:
    """Return the known names closest to this one, best match first."""
    wanted = name.casefold().rpartition("/")[2]
    known = {entry.name.casefold(): entry.name for entry in CATALOG}
    return tuple(known[match] for match in difflib.get_close_matches(wanted, known, n=n, cutoff=0.5))


def did_you_mean(name: str) -> str:
    """Return a question that suggests the closest known names, or two common ones if none is close."""
    return f"did you mean {' or '.join(closest(name) or ('mini', 'codegen2-1B'))}?"
