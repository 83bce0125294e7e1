"""The magics in a real IPython: options, errors in one line, and what stays after unloading."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

import cg2magic
import cg2magic.service.manager


@pytest.fixture
def cg2(shell):
    """A shell with the extension."""
    shell.run_cell("%load_ext cg2magic")
    return shell


def failure(shell, capsys, cell):
    """What a cell that is refused prints; one line, and no traceback."""
    capsys.readouterr()
    result = shell.run_cell(cell)
    assert not result.success
    said = capsys.readouterr().err.strip()
    assert said.startswith("UsageError: ")
    assert "\n" not in said
    return said


def test_complete_puts_the_suggestions_into_a_variable(cg2):
    cg2.run_cell("%%complete -m 8 -o ideas\nimport numpy as np\nx = np.")
    (idea,) = cg2.user_ns["ideas"]
    assert isinstance(idea, cg2magic.Suggestion)
    assert idea.code.startswith("import numpy as np\nx = np.")


def test_infill_fills_the_holes_that_bars_mark(cg2):
    cg2.run_cell("%%infill -m 8 -o ideas\ndef hello_world():\n    |\n    return name\n")
    (idea,) = cg2.user_ns["ideas"]
    assert idea.parts == ("def hello_world():\n    ", "\n    return name")


def test_another_mark_makes_every_bar_plain_text(cg2):
    cg2.run_cell("%%infill -m 4 --cursor @@ -o ideas\nx = a | b\ny = @@\n")
    assert cg2.user_ns["ideas"][0].parts == ("x = a | b\ny = ", "")


def test_the_options_reach_the_request(cg2):
    cg2.run_cell(
        "%%complete -n 3 -t 0.7 --top-p 0.8 --top-k 9 --seed 4 -m 5 --stop '# a' --stop b -o ideas\nx = 1"
    )
    request = cg2magic.service.manager.manager().history[-1].job.request
    assert request.sampling == cg2magic.Sampling(3, 5, 0.7, 0.8, 9, 4, ("# a", "b"))
    assert len(cg2.user_ns["ideas"]) == 3


def test_the_defaults_are_those_of_config(cg2):
    cg2.run_cell("%config CG2.samples = 2")
    cg2.run_cell("%config CG2.temperature = 0.5")
    cg2.run_cell("%%complete -m 3 -o ideas\nx = 1")
    assert len(cg2.user_ns["ideas"]) == 2
    assert cg2magic.service.manager.manager().history[-1].job.request.sampling.temperature == 0.5


def test_seeded_sampling_writes_the_same_again(cg2):
    for name in ("first", "second"):
        cg2.run_cell(f"%%complete -m 12 -n 2 -t 0.9 --seed 7 -o {name}\nimport pandas as pd\n")
    assert [s.text for s in cg2.user_ns["first"]] == [s.text for s in cg2.user_ns["second"]]


def test_the_python_functions_write_what_the_magics_write(cg2):
    cg2.run_cell("%%complete -m 10 -o ideas\nimport numpy as np\nx = np.")
    again = cg2magic.complete("import numpy as np\nx = np.", max_new_tokens=10)
    assert [s.code for s in again] == [s.code for s in cg2.user_ns["ideas"]]


def test_a_comment_is_answered_in_the_next_line_by_both(cg2):
    prompt = "x = 1\n# plot the values"
    cg2.run_cell(f"%%complete -m 10 -o ideas\n{prompt}")
    (again,) = cg2magic.complete(prompt, max_new_tokens=10)
    assert again.code == cg2.user_ns["ideas"][0].code == prompt + again.text
    assert again.text.startswith("\n")


def test_infill_from_python_takes_any_number_of_holes():
    (suggestion,) = cg2magic.infill("x = ", "\ny = ", "\nprint(x, y)", max_new_tokens=4)
    assert len(suggestion.spans) == 2


def test_a_cell_magic_on_top_tells_the_language_and_is_on_top_of_the_new_cell(cg2):
    cg2.run_cell("%%complete -m 6 -o ideas\n\n%%capture out\n%%script bash -e\nfor f in *.csv; do\n")
    (idea,) = cg2.user_ns["ideas"]
    request = cg2magic.service.manager.manager().history[-1].job.request
    assert (request.parts, request.language) == (("for f in *.csv; do",), "shell")
    assert idea.code.startswith("\n%%capture out\n%%script bash -e\nfor f in *.csv; do")

    cg2.run_cell("%%infill -m 6 -o ideas\n%%js\nlet x = |;\n")
    request = cg2magic.service.manager.manager().history[-1].job.request
    assert (request.parts, request.language, request.header) == (("let x = ", ";"), "javascript", "%%js\n")
    (idea,) = cg2.user_ns["ideas"]
    assert idea.code == f"%%js\nlet x = {idea.text};"


@pytest.mark.parametrize(
    ("options", "top", "language"),
    [
        ("", "%%time\n", "python"),
        ("", "%%R -i df\n", "r"),
        ("", "%%sql sqlite://\n", "sql"),
        ("--language go", "", "go"),
        ("--language TypeScript", "%%js\n", "typescript"),
        ("--language haskell", "", "haskell"),
    ],
)
def test_the_language_is_the_options_or_the_magics_or_python(cg2, options, top, language):
    cg2.run_cell(f"%%complete {options} -m 1 -o ideas\n{top}x = 1")
    assert cg2magic.service.manager.manager().history[-1].job.request.language == language
    cg2.run_cell("%config CG2.language = 'sql'")
    cg2.run_cell("%%complete -m 1 -o ideas\nSELECT")
    assert cg2magic.service.manager.manager().history[-1].job.request.language == "sql"


def test_the_tokens_of_a_format_can_be_given_as_options(cg2):
    options = "--prefix-token '<sep>' --suffix-token <mask_1> --middle-token <eom>"
    cg2.run_cell(f"%%infill {options} -m 4 -o ideas\nx = |\nprint(x)\n")
    form = cg2magic.service.manager.manager().history[-1].job.request.form
    assert (form.prefix, form.suffix, form.middle, form.suffix_first) == ("<sep>", "<mask_1>", "<eom>", False)
    assert cg2.user_ns["ideas"][0].parts == ("x = ", "\nprint(x)")


def test_score_shows_the_cell_as_a_heat_map_and_keeps_the_object(cg2, capsys):
    cg2.run_cell("%%score -o s\nimport numpy as np\nx = np.zeros(3)\n")
    score = cg2.user_ns["s"]
    assert isinstance(score, cg2magic.Score)
    assert score.text == "import numpy as np\nx = np.zeros(3)"
    said = capsys.readouterr().out
    assert f"perplexity {score.perplexity:.2f}" in said
    assert "x = np.zeros(3)" in said


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%infill --prefix-token a\nx = |\n", "a prefix token and a suffix token"),
        ("%%infill --prefix-token @a --suffix-token @b -o i\nx = |\n", "vocabulary has no token @a"),
        ("%%complete --language pyhton\nx = 1", "did you mean python?"),
        ("%%complete\n%%bash\n", "the cell is empty"),
        ("%%score\n   \n", "the text to score is"),
        ("%%score --model nomodel\nx = 1", "nomodel"),
        ("%%score -o 1x\nx = 1", "needs a variable name"),
        ("%%complete\n   \n", "the cell is empty"),
        ("%%complete -n 0\nx = 1", "n must be at least 1"),
        ("%%complete -t -1\nx = 1", "temperature"),
        ("%%complete --top-p 1.5\nx = 1", "top_p"),
        ("%%complete --insert above\nx = 1", "invalid choice"),
        ("%%complete --colour red\nx = 1", "unrecognized arguments"),
        ("%%complete -o 1x\nx = 1", "needs a variable name"),
        ("%%complete --model nomodel -o ideas\nx = 1", "nomodel"),
        ("%%infill\nx = 1\n", "no hole in the cell"),
        ("%%infill\nx = a | b\n", "--cursor"),
        ("%cg2 stauts", "did you mean status?"),
        ("%cg2 frobnicate", "choose from accept"),
        ("%cg2 help stauts", "did you mean status?"),
        ("%cg2 -x", "`%cg2 --help` shows what it takes"),
        ("%cg2 status now", "%cg2 status: unrecognized arguments: now; `%cg2 status --help`"),
        ("%cg2 config temperature=0.4", "`%config CG2.temperature=0.4` changes a default"),
        ("%cg2 load mini --precision fp7", "fp7"),
        ("%cg2 load no-such-model-at-all", "no-such-model-at-all"),
        ("%cg2 accept", "no suggestion yet"),
        ("%cg2 continue", "no suggestion yet"),
    ],
)
def test_a_mistake_costs_one_line(cg2, capsys, cell, said):
    assert said in failure(cg2, capsys, cell)


def test_status_models_and_history_say_what_there_is(cg2, capsys):
    cg2.run_cell("%cg2 status")
    assert "no model is loaded" in capsys.readouterr().out
    cg2.run_cell("%cg2 history")
    assert "no suggestions yet" in capsys.readouterr().out
    cg2.run_cell("%%complete -m 4 --context none -o ideas\nx = 1")
    capsys.readouterr()
    cg2.run_cell("%cg2")
    assert "mini: " in (status := capsys.readouterr().out)
    assert "tokens/s" in status
    cg2.run_cell("%cg2 models")
    assert "Loaded:\nmini " in (shown := capsys.readouterr().out)
    cg2.run_cell("%cg2 models --all")
    every = {line.split("  ")[0] for line in capsys.readouterr().out.splitlines()}
    assert {"mini", "codegen2-1B", "codegen2-16B"} <= every
    assert len(every) > len(shown.splitlines())
    cg2.run_cell("%cg2 history")
    assert "x = 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "usage", "about"),
    [
        ("help", "Code completion with a language model", "%%infill fill the holes of this cell"),
        ("help", "Code completion with a language model", "history list the suggestions of this kernel"),
        ("--help", "Code completion with a language model", "unload free the model's memory"),
        ("help load", "usage: %cg2 load [-h] [--device DEVICE]", "CG2MAGIC_API_KEY"),
        ("load mini --help", "usage: %cg2 load [-h] [--device DEVICE]", "%cg2 models"),
        (
            "config -h",
            "usage: %cg2 config [-h] [--notebook]",
            "lets a model see (--notebook). `%config CG2.temperature = 0.4` changes a default",
        ),
        ('"help"  "accept" # quoted', "usage: %cg2 accept [-h] [K]", "which candidate (1)"),
    ],
)
def test_help_is_printed_and_neither_loads_nor_ends_anything(cg2, capsys, line, usage, about):
    assert cg2.run_cell(f"%cg2 {line}").success
    said = capsys.readouterr()
    assert said.out.startswith(usage)
    assert about in " ".join(said.out.split())
    assert not said.err
    assert cg2magic.service.manager.manager().status().model is None


def test_every_command_explains_itself(cg2, capsys):
    shown = cg2.find_line_magic("cg2").__doc__.partition("  COMMAND\n")[2].partition("\n\n")[0]
    names = [line.split()[0] for line in shown.splitlines() if line[4] != " "]
    assert {"status", "load", "unload", "models", "config", "accept", "history", "allow", "help"} < set(names)
    for name in names:
        cg2.run_cell(f"%cg2 help {name}")
        explained = capsys.readouterr().out
        cg2.run_cell(f"%cg2 {name} --help")
        assert capsys.readouterr().out == explained


def test_load_without_a_name_says_what_runs_here_and_loads_nothing(cg2, capsys):
    cg2.run_cell("%cg2 load")
    assert "This machine: " in (said := capsys.readouterr().out)
    assert "%cg2 models" in said
    cg2.run_cell("%cg2 status")
    assert "no model is loaded" in capsys.readouterr().out
    assert "which model?" in failure(cg2, capsys, "%cg2 load --precision fp32")


def test_load_says_what_it_loaded_and_unload_what_it_gave_back(cg2, capsys):
    cg2.run_cell("%cg2 load mini --precision fp32")
    said = capsys.readouterr().out
    assert said.startswith("mini: ")
    assert "fp32 on cpu" in said
    cg2.run_cell("%cg2 unload")
    assert "mini unloaded" in capsys.readouterr().out


def test_accept_fills_the_next_prompt_with_the_candidate(cg2, capsys):
    cg2.run_cell("%%complete -n 2 -t 0.8 --seed 1 -m 4 -o ideas\nx = 1")
    cg2.run_cell("%cg2 accept 2")
    assert cg2.rl_next_input == cg2.user_ns["ideas"][1].code
    assert "candidates 1 to 2" in failure(cg2, capsys, "%cg2 accept 3")
    cg2.run_cell("%cg2 history")
    assert "2 inserted below" in capsys.readouterr().out


@pytest.mark.parametrize(("command", "said"), [("prompt", "y ="), ("accept", ""), ("history", "y = 12")])
def test_run_all_may_go_on_before_a_suggestion_is_written(cg2, capsys, command, said):
    asked, request = threading.Event(), cg2magic.Request(("y = 12",), cg2magic.Sampling(max_new_tokens=2))

    def late():
        asked.wait()
        return request

    cg2magic.service.manager.manager().submit(request, late=late)
    threading.Timer(0.2, asked.set).start()
    assert cg2.run_cell(f"%cg2 {command}").success
    assert said in capsys.readouterr().out
    assert command != "accept" or cg2.rl_next_input.startswith("y = 12")


def test_continue_goes_on_with_a_candidate_that_was_cut(cg2, capsys):
    cg2.run_cell("%%complete -m 6 -n 2 -t 0.8 --seed 1 -o ideas\nimport numpy as np\nx = np.")
    second = cg2.user_ns["ideas"][1]
    capsys.readouterr()
    cg2.run_cell("%cg2 continue 2")
    assert cg2.rl_next_input.startswith(second.code)
    job = cg2magic.service.manager.manager().history[-1].job
    (longer,) = job.result()
    assert len(longer.taken) > len(second.taken)
    assert second.code in capsys.readouterr().out

    cg2.run_cell("%%complete -m 20 --stop '(' -o ideas\nimport numpy as np\nx = np.zer")
    assert "this suggestion has ended" in failure(cg2, capsys, "%cg2 continue")


def test_a_magics_help_is_written_for_the_person(cg2):
    for magic in ("complete", "infill", "score", "cg2"):
        kind = "line" if magic == "cg2" else "cell"
        text = cg2.find_magic(magic, kind).__doc__
        assert len(text.splitlines()) > 8
    assert "--cursor" in cg2.find_cell_magic("infill").__doc__
    assert "--max-new-tokens" in cg2.find_cell_magic("complete").__doc__


def test_unloading_leaves_nothing_behind(cg2):
    others = set(threading.enumerate())  # another test may have left a manager of its own
    cg2.run_cell("%%complete -m 2 -o ideas\nx = 1")
    cg2.run_cell("%unload_ext cg2magic")
    assert cg2.find_cell_magic("complete") is None
    assert cg2.find_cell_magic("infill") is None
    assert cg2.find_cell_magic("score") is None
    assert cg2.find_line_magic("cg2") is None
    assert "CG2" not in {type(c).__name__ for c in cg2.configurables}
    assert not [thread for thread in set(threading.enumerate()) - others if "cg2magic" in thread.name]
    assert not [call for call in cg2.events.callbacks["post_run_cell"] if "cg2magic" in str(call.__module__)]
    cg2.run_cell("%load_ext cg2magic")
    assert cg2.find_cell_magic("complete")


def test_the_extension_is_there_at_once_and_brings_no_torch():
    code = (
        "import sys, time, IPython.core.magic, ipywidgets\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'cg2magic')\n"
        "print([name for name in ('torch', 'transformers', 'anywidget') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
