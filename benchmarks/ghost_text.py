"""How quick suggestions while typing are: ``python -m benchmarks.ghost_text``; with a model, what they save.

It takes four minutes, and wants a Chromium and what the tests want. Everything is real: JupyterLab, its
kernel, the embedded model, a notebook of 30 cells, and keys. The page is watched from outside: what it
sends, what it shows, and what Chromium's profiler says of our files.

With ``--model NAME`` no page is opened: notebooks are typed key by key, see `keys`. With ``--page`` as well,
the page is measured with that model.
"""

from __future__ import annotations

import argparse
import ast
import datetime as dt
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cg2magic
from benchmarks import context, corpus, keys
from benchmarks.speed.machine import this_machine
from tests.browser.notebook_page import MODEL, NotebookPage
from tests.browser.serving import CHROMIUM_FLAGS, TOKEN, serve
from tests.browser.typist import GHOST, KERNEL, Typist
from tests.needs import find_chromium
from training.sources import WORK, fetch_all, read_sources

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession

CELLS, QUESTIONS = 30, 80
KEYS, KEYS_A_SECOND = 500, 8
_WARMS_UP = 30_000  # milliseconds that a model may take to read the notebook

# From the moment a question is sent to the moment its first text is on the page.
WATCH = f"""() => {{
  globalThis.took = [];
  let asked = null;
  globalThis.bytes = [];
  {KERNEL}.anyMessage.connect((_, {{ msg, direction }}) => {{
    if (direction !== "send" || msg.content.data?.do !== "ask") return;
    asked = performance.now();
    bytes.push(new Blob([JSON.stringify(msg.content)]).size);
  }});
  new MutationObserver(() => {{
    if (!asked || !document.querySelector('{GHOST}')?.textContent) return;
    took.push(performance.now() - asked);
    asked = null;
  }}).observe(document.body, {{ childList: true, subtree: true, characterData: true }});
}}"""

# In the kernel: how long the worker goes on after a cancellation, be it reading a prompt or writing.
CANCEL = """
import random, time
from cg2magic.service.manager import manager
from cg2magic.request import Request, Sampling

random.seed(1)
took = []
for turn in range(60):
    prompt = TEXT[200 * turn : 200 * turn + 2500]
    job = manager().aside(Request((prompt,), Sampling(max_new_tokens=64, temperature=1.0, seed=turn)))
    time.sleep(random.uniform(0.0, 0.4))
    began, writes = time.perf_counter(), manager().status().writing is not None
    job.cancel()
    while manager().status().writing is not None:
        time.sleep(0.0005)
    if writes:
        took.append(1000 * (time.perf_counter() - began))
print(took)
"""


def code() -> str:
    """Ordinary Python that no model was trained on: our own, as it was."""
    return corpus.read("cells.txt")


def fill(notebook: NotebookPage) -> None:
    """Give the notebook its cells, some lines each."""
    lines = code().split("\n")
    for i in range(CELLS):
        notebook.add("\n".join(lines[9 * i : 9 * i + 9]))


def first_text(typist: Typist) -> list[float]:
    """Milliseconds from a question to the first text on the page; a key each time, and then a look."""
    from playwright.sync_api import Error

    typist.page.evaluate(WATCH)
    typist.begin("def describe(machine, values, ")
    with suppress(Error):  # until the notebook was read once
        typist.ghost.first.wait_for(timeout=_WARMS_UP)
    for (
        key
    ) in "results):\nfor value in values:\nmachine.cores = value\nprint(machine.describe(value, results))"[
        :QUESTIONS
    ]:
        typist.keyboard.type(key)
        time.sleep(0.7)
    return typist.page.evaluate("() => took")


def type_on(typist: Typist) -> None:
    """Press the keys, at an even pace."""
    typist.begin("def on")
    lines = (line.strip() for line in code().split("\n"))  # the editor indents by itself
    due = time.monotonic()
    for key in "\n".join(lines)[:KEYS]:
        typist.keyboard.type(key)
        due += 1 / KEYS_A_SECOND
        time.sleep(max(0.0, due - time.monotonic()))


def our_time(profile: dict[str, Any]) -> tuple[float, float]:
    """Milliseconds of the main thread with a function of ours on its stack: in all, and at a stretch."""
    ours: set[int] = set()
    for node in profile["nodes"]:  # parents come first
        if "/cg2magic/static/" in node["callFrame"]["url"] or node["id"] in ours:
            ours |= {node["id"], *node.get("children", ())}
    total = longest = stretch = 0.0
    for sample, microseconds in zip(profile["samples"], profile["timeDeltas"], strict=True):
        stretch = stretch + microseconds / 1000 if sample in ours else 0.0
        total += microseconds / 1000 if sample in ours else 0.0
        longest = max(longest, stretch)
    return total, longest


def run(notebook: NotebookPage, source: str) -> Any:
    """Run a cell, and read what it prints."""
    cell = notebook.add_and_run(source)
    printed = notebook.output(cell).inner_text()
    notebook.page.evaluate(f"(index) => {MODEL}.deleteCell(index)", notebook.index(cell))
    return ast.literal_eval(printed)


def memory(cdp: CDPSession, notebook: NotebookPage) -> tuple[float, float]:
    """Megabytes of the page's heap, and of the kernel's process."""
    resident = run(notebook, "import psutil\nprint(psutil.Process().memory_info().rss)")
    cdp.send("HeapProfiler.collectGarbage")
    cdp.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in cdp.send("Performance.getMetrics")["metrics"]}
    return metrics["JSHeapUsedSize"] / 1e6, resident / 1e6


def report(notebook: NotebookPage, log: Path) -> None:
    """Measure, and print a line for each bar."""
    typist, page = Typist(notebook), notebook.page
    errors: list[str] = []
    page.on("console", lambda said: errors.extend([said.text] * (said.type == "error")))
    page.on("pageerror", lambda error: errors.append(str(error)))
    fill(notebook)
    typist.switch_on(floor=None)
    cdp = page.context.new_cdp_session(page)

    took = sorted(first_text(typist))
    late = took[int(0.95 * len(took))]
    middle = statistics.median(took)
    first, *others = typist.page.evaluate("() => bytes")
    print(f"bytes sent: {first:,} with the first question, {statistics.median(others):,.0f} with the others")
    print(f"first text: median {middle:.0f} ms, 95th percentile {late:.0f} ms ({len(took)} times)")

    before = memory(cdp, notebook)
    cdp.send("Profiler.enable")
    cdp.send("Profiler.setSamplingInterval", {"interval": 200})
    cdp.send("Profiler.start")
    type_on(typist)
    total, longest = our_time(cdp.send("Profiler.stop")["profile"])
    print(f"main thread: {total / KEYS:.2f} ms a key, at most {longest:.1f} ms at a stretch ({KEYS} keys)")
    waiting = run(notebook, "from cg2magic.service.manager import manager\nprint(manager().status().queued)")
    grown = [now - then for now, then in zip(memory(cdp, notebook), before, strict=True)]
    print(f"after them: {waiting} waiting, page {grown[0]:+.1f} MB, kernel {grown[1]:+.1f} MB")

    ends = sorted(run(notebook, f"TEXT = {code()[:16_000]!r}\n{CANCEL}"))
    middle = statistics.median(ends)
    print(f"cancelled: median {middle:.0f} ms, at most {ends[-1]:.0f} ms ({len(ends)} times)")
    noted = [line for line in log.read_text("utf-8").splitlines() if "Traceback" in line or "[E " in line]
    print(f"errors: {errors + noted or 'none'}")


def latencies(model: str | None, precision: str) -> None:
    """Start all of it, load a model if it is not the embedded one, and report."""
    from playwright.sync_api import sync_playwright

    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("no Chromium or Chrome; `apt install chromium` brings it")
    print(this_machine().describe())
    with (
        tempfile.TemporaryDirectory() as home,
        serve(Path(home)) as server,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS) as browser,
    ):
        notebook = NotebookPage.create(browser, server.url, server.root, TOKEN, "lab", "bench")
        if model:
            print(Path(model).name)
            notebook.add_and_run(f"import cg2magic\ncg2magic.load({model!r}, precision={precision!r});")
        report(notebook, server.log)
        notebook.shut_down()


def savings(args: argparse.Namespace) -> None:
    """Type notebooks by the rule that was and by that of today, and report."""
    archives = [path for _, path in fetch_all(read_sources(context.SOURCES), args.archives, context.SOURCES)]
    documents = keys.cells(list(context.notebooks(archives)))
    cg2magic.load(args.model, precision=args.precision)
    rules = {
        f"before: mean probability of {args.floor:g}": keys.by_mean(args.floor),
        "now": keys.learned(),
    }
    typed, counts = keys.measure(documents, args.characters, args.tokens, rules, args.minutes)
    characters = max(count.characters for count in counts.values())
    title = f"`{Path(args.model).name}`, {characters:,} characters of {typed} cells"
    print(f"{this_machine().describe()}, {dt.datetime.now().astimezone():%Y-%m-%d}")
    print(keys.table(title, counts))


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", help="measure what this one saves, and not how quick the page is")
    parser.add_argument("--page", action="store_true", help="measure how quick the page is, with --model too")
    parser.add_argument("--precision", default="auto")
    parser.add_argument(
        "--minutes", type=float, default=10, help="how long to type; a cell that is begun then is left out"
    )
    parser.add_argument("--characters", type=int, default=300, help="the most that is typed of a cell")
    parser.add_argument("--tokens", type=int, default=2048, help="the most that the model reads")
    parser.add_argument("--floor", type=float, default=0.35, help="of the rule that is compared with")
    parser.add_argument("--archives", type=Path, default=WORK / "archives", help="where they are kept")
    args = parser.parse_args()
    if args.model and not args.page:
        savings(args)
    else:
        latencies(args.model, args.precision)


if __name__ == "__main__":
    main()
