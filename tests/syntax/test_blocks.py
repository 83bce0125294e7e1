"""Where a completion ends in languages that close their blocks: on code as models write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cg2magic.syntax.endings import block_end

# Language, what the person wrote, what belongs to it, and what the model went on with.
ENDINGS = [
    # behind a header, or inside of its braces
    ("javascript", "function add(a, b)", " {\n  return a + b;\n}", "\n\nadd(1, 2);\n"),
    ("javascript", "function add(a, b) {", "\n  return a + b;\n}", "\nconsole.log(add(1, 2));\n"),
    ("javascript", "function f(s) {", "\n  return s.replace(/[}/]|}/g, '');\n}", "\nf('');\n"),
    ("typescript", "const f = (x: number) => {\n", "  return { x };\n};", "\nf(1);\n"),
    ("javascript", "app.get('/', (req, res) => {", "\n  res.send('hi }');\n});", "\napp.listen(1);\n"),
    ("javascript", "const a = [1, 2].map(function (x) ", "{ return x; });", "\nlet b;\n"),
    (
        "c",
        "int max(int a, int b)\n{",
        "\n  // a } in a comment\n  return a > b ? a : b; /* } */\n}",
        "\nint x;\n",
    ),
    ("c++", "struct Point {", "\n  int x = 0; char c = '}';\n};", "\nint main() {}\n"),
    ("c#", "int Twice(int x)", "\n{\n    return 2 * x;\n}", "\n\nint y;"),
    ("dart", "String hi() {", "\n  return '''}''';\n}", "\nvoid main() {}\n"),
    ("go", "func add(a int, b int) int {", "\n\ts := `}`\n\treturn a + b\n}", "\n\nfunc main() {\n}\n"),
    ("java", "class A {\n  int one() {", "\n    return 1;\n  }", "\n  int two() { return 2; }\n}\n"),
    (
        "kotlin",
        "fun f(x: Int): Int {\n    if (x > 0) {",
        "\n        return 1\n    }\n    return 0\n}",
        "\nval y = 1\n",
    ),
    ("php", "function f($x) {", "\n  # not }\n  return $x;\n}", "\necho f(1);\n"),
    (
        "rust",
        "fn first<'a>(x: &'a str) -> char {",
        "\n    if x == '}' { x } else { y }\n}",
        "\nfn main() {}\n",
    ),
    ("scala", "def f(x: Int): Int = {", '\n  val s = """}"""\n  x\n}', "\nval y = f(1)\n"),
    ("swift", "func f() -> Int {", "\n    return 1\n}", "\nprint(f())\n"),
    ("r", "f <- function(x) {", "\n  # }\n  x + 1\n}", "\nf(1)\n"),
    ("perl", "sub f {", "\n  my $n = $#array; # }\n  return $n;\n}", "\nf();\n"),
    # an else belongs to its if, and a loop around it to what is completed
    ("java", "if (x) {", "\n  a();\n} else {\n  b();\n}", "\nc();\n"),
    ("c", "for (;;) {\n  if (x) {", "\n    break;\n  }\n}", "\nreturn;\n"),
    # words
    ("ruby", "def add(a, b)", "\n  return a if b.nil?\n  a + b\nend", "\n\nputs add(1, 2)\n"),
    (
        "ruby",
        "class A\n  def one",
        "\n    while x do\n      y\n    end\n  end",
        "\n\n  def two\n  end\nend\n",
    ),
    ("ruby", "[1, 2].each do |x|", "\n  puts x.class\nend", "\nputs 1\n"),
    ("ruby", "def f(x)\n  y = ", "if x then 1 else 2 end\n  y\nend", "\nf 1\n"),
    (
        "lua",
        "function add(a, b)",
        "\n  for i = 1, 2 do\n    a = a + i -- end\n  end\n  return a\nend",
        "\nprint(1)\n",
    ),
    ("lua", "foo(function()", "\n  local s = [[end]]\n  return s\nend)", "\nprint(1)\n"),
    ("lua", "repeat", "\n  x = x + 1\nuntil x > 3", "\nprint(x)\n"),
    ("julia", "function f(x)", "\n  y = [a for a in x]\n  if x[end] > 1\n    y\n  end\nend", "\nf(1)\n"),
    ("shell", "for f in *.csv; do", '\n  echo "done $f"\ndone', "\nls\n"),
    ("shell", "if [ -f x ]; then", "\n  cat x | grep if\nelse\n  echo no\nfi", "\nls\n"),
    ("shell", "case $1 in", "\n  a) echo ${x#y} ;;\n  *) ;;\nesac", "\nls\n"),
    ("shell", "greet() {", '\n  if true; then\n    echo "}"\n  fi\n}', "\ngreet\n"),
    # statements
    ("sql", "SELECT", " name\nFROM users\nWHERE x = ';';", "\nSELECT 2;\n"),
    ("sql", "-- all users\n", "SELECT * -- not; here\nFROM users;", "\nDROP TABLE users;\n"),
    # at the top level a blank line and an unindented one, as everywhere
    ("javascript", "const a = 1;\n", "const b = {\n\n  c: 1,\n};\nf(b);", "\n\nclass D {}\n"),
    ("shell", "cd /tmp\n", "ls", "\n\nrm x\n"),
    # what closes something that is not open is not the prompt's
    ("javascript", "let x = 1", ";", "\n}\nlet y = 2;\n"),
    ("ruby", "x = 1", "\ny = 2", "\nend\n"),
]


@pytest.mark.parametrize(("language", "prompt", "kept", "more"), ENDINGS)
def test_a_completion_ends_with_its_block(language, prompt, kept, more):
    assert block_end(prompt, kept + more, language) == len(kept)


@pytest.mark.parametrize(("language", "prompt", "kept", "more"), ENDINGS)
def test_it_does_not_end_before_while_it_is_written(language, prompt, kept, more):
    whole = kept + more
    for length in range(len(kept)):
        assert block_end(prompt, whole[:length], language) is None, whole[:length]


@pytest.mark.parametrize(("language", "prompt", "kept", "more"), ENDINGS)
def test_where_the_prompt_is_cut_does_not_matter(language, prompt, kept, more):
    # The cursor may stand in a word, a comment or a string: what comes is read together with it.
    if block_end(prompt, kept + more, language) is None or prompt.endswith("\n"):
        return
    for cut in range(1, min(3, len(prompt))):
        before, after = prompt[:-cut], prompt[-cut:]
        if before.strip() and before.count("\n") == prompt.count("\n"):
            end = block_end(before, after + kept + more, language)
            assert end in (None, cut + len(kept)) or language in ("ruby", "lua", "shell", "julia", "sql"), (
                before
            )


def test_an_else_that_is_half_written_is_waited_for():
    assert block_end("if (x) {", "\n  a();\n}\nel", "java") is None
    assert block_end("if (x) {", "\n  a();\n}\nelsewhere();", "java") == len("\n  a();\n}")


def test_two_blank_lines_end_everything():
    assert block_end("void f() {", "\n  a();\n\n\n  b();\n}", "c") == len("\n  a();")


def test_a_comment_without_an_end_hides_what_follows():
    assert block_end("int f() { /* ", "} */ return 1;\n} int y;", "c") == len("} */ return 1;\n}")


@given(
    st.text(alphabet="{}()[]'\"`/*-#;\n end do if x\\", max_size=60),
    st.sampled_from(["c", "ruby", "shell", "lua", "sql", "go"]),
)
def test_any_text_is_read_to_an_end_inside_of_it(text, language):
    end = block_end("if x {\n", text, language)
    assert end is None or 0 <= end <= len(text)
