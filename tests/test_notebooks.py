"""The notebooks that a person opens, executed as nbconvert or papermill would: with nobody to ask."""

from __future__ import annotations

import copy
import re
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

from tests.needs import need_llama_cpp

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
QUICKSTART = NOTEBOOKS / "quickstart.ipynb"
MODELS = NOTEBOOKS / "models.ipynb"
CONTEXT = NOTEBOOKS / "context.ipynb"
GROUNDING = NOTEBOOKS / "grounding.ipynb"
SERVING = NOTEBOOKS / "serving_a_class.ipynb"
LOCAL = NOTEBOOKS / "local_models.ipynb"


@pytest.fixture(scope="module")
def written() -> nbformat.NotebookNode:
    return nbformat.read(QUICKSTART, as_version=4)


def execute(path: Path, folder: Path) -> nbformat.NotebookNode:
    """Run all of a notebook in an empty folder."""
    spec = KernelSpecManager().get_kernel_spec("python3")
    assert spec.argv[0] in {"python", sys.executable}, "the kernel would be that of another environment"
    notebook = nbformat.read(path, as_version=4)
    return NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    return execute(QUICKSTART, tmp_path_factory.mktemp("notebook"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    return execute(MODELS, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    return execute(SERVING, tmp_path_factory.mktemp("serving"))


def outputs(notebook: nbformat.NotebookNode, cell_id: str) -> list[nbformat.NotebookNode]:
    (cell,) = (cell for cell in notebook.cells if cell.id == cell_id)
    return cell.outputs


def shown(notebook: nbformat.NotebookNode, cell_id: str) -> nbformat.NotebookNode:
    """Give the mimebundle of a cell that displays one thing."""
    (output,) = (output for output in outputs(notebook, cell_id) if "data" in output)
    return output.data


def printed(notebook: nbformat.NotebookNode, cell_id: str) -> str:
    """Give all a cell said as text, printed or displayed."""
    found = outputs(notebook, cell_id)
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in found)


def test_the_quickstart_is_kept_valid_and_without_outputs(written):
    nbformat.validate(written)
    assert (written.nbformat, written.nbformat_minor) == (4, 5)
    assert not [cell.id for cell in written.cells if cell.get("outputs") or cell.get("execution_count")]


def test_nothing_in_the_quickstart_fails_or_warns(executed):
    for cell in executed.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", output
            assert output.get("name") != "stderr", output


@pytest.mark.parametrize("cell_id", ["complete", "infill", "holes", "candidates"])
def test_a_suggestion_is_left_as_text_and_as_html_that_needs_no_widget(executed, cell_id):
    bundle = shown(executed, cell_id)
    assert set(bundle) >= {"text/plain", "text/html"}
    assert not [kind for kind in bundle if "widget" in kind]
    assert not [
        token for token in ("<mask_", "<eom>", "<sep>", "<|endoftext|>") if token in bundle["text/plain"]
    ]


def test_the_completion_goes_on_from_the_prompt_with_what_a_person_would_write(executed):
    text = shown(executed, "complete")["text/plain"]
    code = text[text.index("class Point:") :]
    assert "self.y = y" in code.partition("self.x = x")[2]


def test_the_infill_stands_between_its_two_ends(executed):
    text = shown(executed, "infill")["text/plain"]
    assert re.search(r"fig, ax = plt\.subplots\(\)\n.*\S.*\n(.*\n)*.*ax\.set_xlabel", text)


def test_both_holes_are_filled_in_their_places(executed):
    text = shown(executed, "holes")["text/plain"]
    assert re.search(r"y = np\.\w+", text)
    assert re.search(r"plt\.plot\([^)\n]+\)", text)


def test_the_candidates_are_kept_as_objects_that_differ(executed):
    told = printed(executed, "ideas")
    assert told.count("mean log-probability -") == 3
    assert len(set(told.split("mean log-probability")[1:])) == 3


def test_it_ends_with_the_models_that_suit_this_machine(executed):
    assert "%cg2 load" in printed(executed, "advice")


def test_status_and_history_tell_of_the_model_and_its_suggestions(executed):
    assert "mini" in printed(executed, "status")
    assert printed(executed, "history").strip()


def test_the_python_api_gives_the_whole_code(executed):
    prompt = "import pandas as pd\n\ndf = pd.DataFrame({"
    code = printed(executed, "api").rstrip("\n")
    assert code.startswith(prompt)
    assert len(code) > len(prompt)


def test_the_notebook_of_models_is_kept_valid_and_without_outputs():
    notebook = nbformat.read(MODELS, as_version=4)
    nbformat.validate(notebook)
    assert not [cell.id for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]


def test_nothing_in_the_notebook_of_models_fails_or_warns(models):
    found = [output for cell in models.cells for output in cell.get("outputs", [])]
    assert found
    assert not [out for out in found if out.output_type == "error" or out.get("name") == "stderr"]


def test_the_models_are_a_table_and_the_advice_loads_nothing(models):
    bundle = shown(models, "models")
    assert "<table" in bundle["text/html"]
    assert "Recommended for this machine" in bundle["text/plain"]
    assert "This machine:" in printed(models, "advice")
    assert "mini: 8.9 M parameters" in printed(models, "load")  # behind a progress bar where it took long


def test_the_magic_on_top_is_on_top_of_the_suggestions_too(models):
    assert "%%bash\n  for file in *.csv; do" in shown(models, "bash")["text/plain"].replace("▌ ", "  ")
    assert "%%js" in shown(models, "js")["text/html"]
    first, second = printed(models, "code").split("---\n")
    assert first.startswith("%%bash\nfor file in *.csv; do")
    assert second.startswith("SELECT name, count(*)")


@pytest.fixture(scope="module", params=["likelihood", "teaching_sampling"])
def lesson(request, tmp_path_factory):
    """One of the notebooks for teaching, as it is kept and as it comes out."""
    kept = nbformat.read(QUICKSTART.with_name(f"{request.param}.ipynb"), as_version=4)
    folder = str(tmp_path_factory.mktemp("lesson"))
    resources = {"metadata": {"path": folder}}
    done = NotebookClient(copy.deepcopy(kept), timeout=300, resources=resources).execute()
    return kept, done


def test_a_lesson_is_kept_without_outputs_and_nothing_in_it_fails_or_warns(lesson):
    kept, done = lesson
    nbformat.validate(kept)
    assert not [cell.id for cell in kept.cells if cell.get("outputs") or cell.get("execution_count")]
    for cell in done.cells:
        assert cell.cell_type != "code" or cell.outputs, cell.id
        for output in cell.get("outputs", []):
            assert output.output_type != "error", output
            assert output.get("name") != "stderr", output


def test_a_lesson_says_what_its_words_promise(lesson):
    _, done = lesson
    if any(cell.id == "nearest" for cell in done.cells):
        assert re.search(r"a line plot +is nearest to a scatter plot", printed(done, "nearest"))
        assert re.search(r"a class +is nearest to another class", printed(done, "nearest"))
        surprises = printed(done, "surprises").splitlines()
        assert any("cup" in line or "shoe" in line or "board" in line for line in surprises)
        assert "<style>" in shown(done, "score")["text/html"]
    else:
        assert printed(done, "loop").count("for i in range(") == 8
        greedy = printed(done, "draws").partition("T = 0.5")[0].splitlines()[1:]
        assert len(set(greedy)) == 1
        assert "def mean(values):" in shown(done, "heat")["text/plain"]


def test_the_notebook_of_the_context_shows_what_the_model_sees(tmp_path):
    kept = nbformat.read(CONTEXT, as_version=4)
    nbformat.validate(kept)
    assert not [cell.id for cell in kept.cells if cell.get("outputs") or cell.get("execution_count")]
    done = execute(CONTEXT, tmp_path)
    found = [output for cell in done.cells for output in cell.get("outputs", [])]
    assert not [out for out in found if out.output_type == "error" or out.get("name") == "stderr"]

    prompt = printed(done, "prompt")
    data, function = (
        next(cell.source for cell in kept.cells if cell.id == name) for name in ("data", "function")
    )
    assert prompt.startswith(f"{data}\n\n# %%\n{function}\n\n# %%\n")
    assert "# by_city(trips, column): Mean of a column, for each city.\n" in prompt
    # Which type a column of text has is up to the version of pandas.
    assert re.search(r"# trips: DataFrame 3×3: city \w+, minutes int64, price float64\n", prompt)
    assert "Rome" not in prompt.removeprefix(data)
    assert "2 cells, 2 variables, " in shown(done, "complete")["text/plain"]
    assert "2 cells, 2 variables, " in prompt

    assert re.search(r"# trips: DataFrame 3×3: city \w+ \('Rome', ", printed(done, "less-prompt"))
    assert "import pandas" not in printed(done, "less-prompt")
    assert "DataFrame" not in printed(done, "none-prompt")
    assert printed(done, "room").startswith("trips = read_trips() # %% limit = 20 # %% print('step 1")


def test_a_gguf_is_loaded_and_writes_in_the_notebook_of_local_models(tmp_path):
    need_llama_cpp()
    kept = nbformat.read(LOCAL, as_version=4)
    nbformat.validate(kept)
    assert not [cell.id for cell in kept.cells if cell.get("outputs") or cell.get("execution_count")]
    done = execute(LOCAL, tmp_path)
    found = [output for cell in done.cells for output in cell.get("outputs", [])]
    assert not [out for out in found if out.output_type == "error" or out.get("name") == "stderr"]

    # On a slow machine there are bars before what the cells say.
    assert "model: 8.9 M parameters, Q8_0 on cpu" in printed(done, "load")
    assert shown(done, "complete")["text/plain"].partition("x = np.linspace(0, 10, 100)")[2].strip()
    assert printed(done, "ideas").count("return name") == 3
    assert "<style>" in shown(done, "score")["text/html"]
    assert "mini: 8.9 M parameters, q4 on cpu" in printed(done, "q4")
    assert "(2, 256)" in printed(done, "embed")
    assert printed(done, "unload").startswith("mini unloaded")


def test_the_notebook_of_grounding_writes_names_that_exist(tmp_path):
    kept = nbformat.read(GROUNDING, as_version=4)
    nbformat.validate(kept)
    assert not [cell.id for cell in kept.cells if cell.get("outputs") or cell.get("execution_count")]
    done = execute(GROUNDING, tmp_path)
    found = [output for cell in done.cells for output in cell.get("outputs", [])]
    assert not [out for out in found if out.output_type == "error" or out.get("name") == "stderr"]

    keys = {'limits["max_depth_m"]', 'limits["max_flow_lpm"]'}
    assert not any(key in printed(done, "free-code") for key in keys)
    assert any(key in printed(done, "grounded-code") for key in keys)
    assert "1 name corrected" in printed(done, "grounded-code")
    assert "1 name corrected" in shown(done, "grounded")["text/plain"]
    assert "wanted: " in printed(done, "wanted")
    assert 'groupby("site_kind"' in printed(done, "keys-code")
    assert 'by="leaf_wid_mm"' in printed(done, "keys-code")
    assert not any(key in printed(done, "anew-code") for key in keys)
    assert "1 name not found in this kernel" in printed(done, "unknown-code")
    assert 'title="not found in this kernel"' in shown(done, "unknown-complete")["text/html"]


def test_a_class_is_served_by_a_real_server_without_a_failure_or_warning(serving):
    nbformat.validate(nbformat.read(SERVING, as_version=4))
    for cell in serving.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", output
            assert output.get("name") != "stderr", output
    assert "vllm serve" in printed(serving, "export")
    url = printed(serving, "serve").strip()
    assert f"served as mini at {url}" in printed(serving, "load")
    assert f"served as mini at {url}" in printed(serving, "status")


def test_the_served_model_completes_infills_and_answers_twenty_at_once(serving):
    code = shown(serving, "complete")["text/plain"]
    assert len(code[code.index("def mean(values):") :].splitlines()) > 1
    assert "return name" in shown(serving, "infill")["text/plain"]
    assert re.search(r"20 notebooks at once: [1-9]\d* tokens", printed(serving, "size"))
    assert "unloaded" in printed(serving, "end")
