"""The joiner of JavaScript modules: what it makes of them, what it refuses, and that ours can be joined."""

from __future__ import annotations

import json
import subprocess

import pytest

from cg2magic.frontends.panel.modules import JoinError, joined
from cg2magic.frontends.panel.notebook_settings import NotebookSettings
from cg2magic.frontends.panel.render import STATIC
from cg2magic.frontends.panel.widget import Panel
from tests.needs import need

ENTRY = "const widget = 1;\nexport default widget;\n"


@pytest.fixture
def join(tmp_path):
    """Write modules, by their names, and join ``entry.js``."""

    def make(entry, **modules):
        for name, text in {"entry": entry, **modules}.items():
            path = tmp_path / f"{name.replace('__', '/')}.js"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return joined(tmp_path / "entry.js")

    return make


@pytest.fixture
def run(tmp_path):
    """Give the default export of a joined module, as node knows it."""
    need("node")

    def make(text):
        (tmp_path / "joined.mjs").write_text(text, encoding="utf-8")
        given = "typeof it.default === 'function' ? 'a function' : it.default"
        print_it = f"import('./joined.mjs').then((it) => console.log(JSON.stringify({given})))"
        done = subprocess.run(["node", "-e", print_it], cwd=tmp_path, capture_output=True, check=True)
        return json.loads(done.stdout)

    return make


def test_one_module_is_a_function_of_its_own_and_its_default_export_the_whole_s(join):
    assert join(ENTRY) == (
        "const cg2Modules = {};\n"
        'cg2Modules["entry.js"] = (() => {\n'
        "const widget = 1;\n"
        "return { default: widget };\n"
        "})();\n"
        'export default cg2Modules["entry.js"].default;\n'
    )


def test_all_forms_of_import_and_export_that_it_reads_work(join, run):
    text = join(
        '// What it is.\n\nimport { both as other, made,\n  later } from "./sub/a.js";\n'
        'import { default as plain } from "./x.js";\n'
        "const name = 'mine'; // of this module\n"
        "const widget = [name, other(), new made().name, later.next().value, plain];\n"
        "export default widget;\n",
        sub__a='import { name as theirs } from "../x.js";\nexport const constant = 1;\nconst name = "a";\n'
        "export function both() {\n  return name + theirs + constant;\n}\n"
        "export class made {\n  name = name;\n}\nfunction* count() {\n  yield 7;\n}\n"
        "export const later = count();\nexport async function never() {\n  await 0;\n}\n"
        "export function* some() {}\n",
        x="export const name = 'x';\nconst value = 'default';\nexport default value;\n",
    )
    assert run(text) == ["mine", "ax1", "a", 7, "default"]


def test_a_module_is_joined_once_and_before_all_that_import_it(join):
    text = join(
        'import { a } from "./a.js";\nimport { b } from "./b.js";\n' + ENTRY,
        a='import { c } from "./c.js";\nexport const a = c;\n',
        b='import { c } from "./c.js";\nexport const b = c;\n',
        c="export const c = 1;\n",
    )
    order = [text.index(f'cg2Modules["{name}.js"] = ') for name in ("c", "a", "b", "entry")]
    assert order == sorted(order)
    assert text.count("const c = 1;") == 1


def test_comments_are_left_out_and_types_behind_code_are_not_in_the_way(join, run):
    text = join(
        '/**\n * export const one = import("./one.js")\n */\n/* import { x } from "./x.js"; */\n'
        '// import { x } from "./x.js";\n/** @import { x } from "./x.js" */\n'
        "const widget = /** @type {number} */ (1) + 1; // behind code\n"
        "export default widget;\n"
    )
    assert "x.js" not in text
    assert "one" not in text
    assert run(text) == 2


def test_line_ends_of_windows_are_read(join, run):
    text = join(
        'import { a } from "./a.js";\r\nconst widget = a;\r\nexport default widget;\r\n',
        a="export const a = 5;\r\n",
    )
    assert run(text) == 5


REFUSED = {
    'import { a } from "./missing.js";\n' + ENTRY: "missing.js, which entry.js imports, can't be read",
    'import { b } from "./a.js";\n' + ENTRY: "entry.js imports b, which a.js does not export",
    'import { own } from "./a.js";\n' + ENTRY: "entry.js imports own, which a.js does not export",
    'import { a b } from "./a.js";\n' + ENTRY: "entry.js imports a b, which a.js does not export",
    'import { loop } from "./loop.js";\n'
    + ENTRY: "imports itself: entry.js imports loop.js imports entry.js",
    'import * as a from "./a.js";\n' + ENTRY: "import * as a",
    'import a from "./a.js";\n' + ENTRY: "import a from",
    'import "./a.js";\n' + ENTRY: 'import "./a.js"',
    'import { a } from "package";\n' + ENTRY: 'import { a } from "package"',
    "import { a } from './a.js';\n" + ENTRY: "import { a } from './a.js'",
    'const b = 1;\nimport { a } from "./a.js";\n' + ENTRY: 'import { a } from "./a.js"',
    'const a = await import("./a.js");\n' + ENTRY: 'await import("./a.js")',
    'const load = () => import("./a.js");\n' + ENTRY: 'import("./a.js")',
    "const here = import.meta.url;\n" + ENTRY: "import.meta",
    "await 0;\n" + ENTRY: "await 0",
    "const a = await 0;\n" + ENTRY: "await 0",
    "export let a = 1;\n" + ENTRY: "export let a",
    "export const { a } = {};\n" + ENTRY: "export const { a }",
    "const a = 1;\nexport { a };\n" + ENTRY: "export { a }",
    'export * from "./a.js";\n' + ENTRY: "export *",
    "export default 1;\n": "export default 1",
    "export default function widget() {}\n": "export default function",
    "  export const a = 1;\n" + ENTRY: "export const a",
    "export const a = 1;\nexport const a = 2;\n" + ENTRY: "exports a twice",
    ENTRY + "export default widget;\n": "exports default twice",
    "const widget = 1;\n": "entry.js has no default export",
    "const cg2Modules = 1;\n" + ENTRY: "uses the name cg2Modules",
    "const a = `\nexport const b = 1;\n`;\n" + ENTRY: "continues after line 1",
    "const a = 1; /* and\nexport const b = 1;\n*/\n" + ENTRY: "continues after line 1",
    "/*\n*/ const a = 1;\n" + ENTRY: "code after a comment of several lines, in line 2",
    "/*\n" + ENTRY: "a comment that does not end",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_it_can_t_join_is_refused_and_says_why(join, text):
    others = {
        "a": "export const a = 1;\nconst own = 2;\n",
        "loop": 'import { a } from "./entry.js";\nexport const loop = 1;\n',
    }
    with pytest.raises(JoinError) as error:
        join(text, **others)
    assert REFUSED[text] in str(error.value)


@pytest.mark.parametrize(("entry", "widget"), [("panel.js", Panel), ("settings.js", NotebookSettings)])
def test_our_widgets_are_joined_from_all_that_lies_there(entry, widget, run):
    assert widget._esm == joined(STATIC / entry)
    assert run(widget._esm) in ("a function", {})


def test_every_module_of_the_panel_is_part_of_a_widget():
    modules = Panel._esm + NotebookSettings._esm
    assert [path.name for path in STATIC.glob("*.js") if f'cg2Modules["{path.name}"] = ' not in modules] == []
