"""The rows of the table: what each figure means, and whether more or less is better."""

from __future__ import annotations

from typing import Literal, NamedTuple

from benchmarks.speed.shapes import Workload

TIMES = "\N{MULTIPLICATION SIGN}"
Better = Literal["more", "less"]


class Meaning(NamedTuple):
    """What a row means, its unit, and whether more or less is better."""

    label: str
    unit: str
    better: Better


def meanings(workload: Workload) -> dict[str, Meaning]:
    """Return the rows in the order of the table, by key."""
    work = workload
    rate, several = "tokens/s", [sequences for sequences, _ in workload.sequences[1:]]
    return {
        **{f"prompt_{n}": Meaning(f"prompt, {n:,} tokens", rate, "more") for n in work.prompts},
        "generation_1": Meaning("generation, 1 sequence", rate, "more"),
        **{f"generation_{n}": Meaning(f"generation, {n} sequences", rate, "more") for n in several},
        "first_cold": Meaning(f"first token after {work.first + work.first_new:,} tokens, cold", "s", "less"),
        "first_warm": Meaning(f"the same, {work.first:,} of them shared", "s", "less"),
        "request": Meaning(f"typical request: {work.context} tokens of context, {work.new} new", "s", "less"),
        "next_request": Meaning(f"the next one: {work.more} more of context, {work.new} new", "s", "less"),
        "load_first": Meaning("load, the first time (conversion included)", "s", "less"),
        "load_again": Meaning("load, again", "s", "less"),
        "memory_load": Meaning("peak memory while loading, above the import", "GB", "less"),
        "memory_service": Meaning("peak memory in service, above the import", "GB", "less"),
        "limit_share": Meaning("generation, of the streaming-read limit", "%", "more"),
        **{f"generation_{n}_to_1": Meaning(f"{n} sequences against 1", TIMES, "more") for n in several},
        "first_warm_to_cold": Meaning("first token, warm against cold", "%", "less"),
        "drafts_repeating": Meaning("drafts on text with repetition", TIMES, "more"),
        "drafts_ordinary": Meaning("drafts on ordinary code", TIMES, "more"),
        "drafts_none": Meaning("drafts on text without repetition", TIMES, "more"),
        "int8_loss": Meaning("int8: mean change of loss", "nats", "less"),
        "int8_agreement": Meaning("int8: top-1 agreement with float", "%", "more"),
        "int8_outliers": Meaning("int8: the same, some channels 50 times as large", "%", "more"),
        "int8_no_outliers": Meaning("int8: that model without such channels", "%", "more"),
        "read_limit": Meaning("streaming read of memory", "GB/s", "more"),
    }


#: Rows with a column for each engine; the others are about our engine, `mini` or the machine.
SIDE_BY_SIDE = (
    "prompt_",
    "generation_",
    "first_cold",
    "first_warm",
    "request",
    "next_request",
    "load_",
    "memory_",
)


def is_side_by_side(key: str) -> bool:
    """Whether a row compares the engines."""
    return key.startswith(SIDE_BY_SIDE) and not key.endswith(("_to_1", "_to_cold"))
