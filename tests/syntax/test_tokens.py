"""Code of other languages, read token by token: what is code in it, and what is open."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cg2magic.syntax import blocks
from cg2magic.syntax.blocks import block_end
from cg2magic.syntax.languages import LANGUAGES, find
from cg2magic.syntax.tokens import quiet_spans, read, tokens

# Language, code, and the brackets that are open at its end: those in strings and comments are none.
OPEN = [
    ("javascript", "function f(s) {\n  return s.replace(/[}/]|}/g, '');\n", "{"),  # regex class
    ("javascript", "f(/[}/]/g)\nx = {\n", "{"),  # regex arg
    ("javascript", "function f(s) {\n  return s.match(/[}]/g)", "{"),  # the issue
    ("javascript", "const ok = x => /[}]/g.test(x); {", "{"),  # regex after =>
    ("javascript", "if (f(x) / 2) /[}]/g.exec(y); {", "{"),  # regex after a condition
    ("javascript", "/[)]/.test(a); {", "{"),  # regex at line begin
    ("javascript", "let r = a / b; { let q = c / d; }\n{", "{"),  # division
    ("javascript", "x = (a + b) / 2; y = {} / 3 / (\n", "("),  # division after )
    ("javascript", "x = a[0] / 2 + '}' / (", "("),  # division after ]
    ("javascript", "typeof /}/ ; void /}/; a in /}/; case /}/: {", "{"),  # regex after words
    ("javascript", "yield /[}]/; await /}/; throw /}/; else /}/; {", "{"),  # regex after words2
    ("javascript", "n = x/2 + '}'.length/3; m = s.map/2; {", "{"),  # division without blanks
    ("javascript", "x++ / 2; '}' ; y-- / 2; {", "{"),  # division after ++
    ("javascript", "a > /}/ + /}/ - /}/ * /}/ % /}/ ^ /}/ {", "{"),  # regex after operators
    ("javascript", "`a } ${b} }` + {", "{"),  # template
    ("javascript", "`a ${f(`}`, {a: '}'})} }` + {", "{"),  # nested template
    ("javascript", "`a ${x ? `b ${y} }` : '}'} \\` }`; {", "{"),  # nested template 2
    ("javascript", "`a\n}\n{{", ""),  # open template
    ("javascript", "// }\n/* } */ {", "{"),  # comments
    ("javascript", "/* }", ""),  # open comment
    ("javascript", "s = 'a } {", ""),  # open string
    ("javascript", "s = 'a }\n{", "{"),  # open string ended by line
    ("javascript", "s = 'a \\\n }'; {", "{"),  # string goes on
    ("javascript", "const f = s => s.split(/\\//).map(x => x / 2); {", "{"),  # escaped slash
    ("typescript", "const f = (s: string): RegExp => /[}]/g; {", "{"),  # regex after =>
    ("typescript", "let x: Array<{a: '}'}> = `}`; {", "{"),  # types
    ("typescript", "x = y as any / 2; z = '}' / (", "("),  # division
    ("typescript", "a! / b; '}' / (", "("),  # division after !
    ("c", "char c = '}'; char d = '\\''; char e = '\"'; {", "{"),  # char
    ("c", 's = "a \\" }"; /* } // */ {', "{"),  # string
    ("c", 'L\'}\' + U"}" + u8"}" {', "{"),  # prefix
    ("c", "/* }", ""),  # open comment
    ("c++", 'auto s = R"(})" ; {', "{"),  # raw
    ("c++", 'auto s = R"xx( " } )" })xx"; {', "{"),  # raw delim
    ("c++", "int x = 1'000'000; char c = '}'; {", "{"),  # digit sep
    ("c#", 'var s = @"a \\"; {', "{"),  # verbatim backslash
    ("c#", 'var s = @"a "" } "; {', "{"),  # verbatim quotes
    ("c#", 'var s = $"a {x} {{ {y:}}}"; {', "{"),  # interpolated
    ("c#", 'var s = """a " } """; {', "{"),  # raw
    ("c#", "char c = '}'; char d = '\"'; {", "{"),  # char
    ("c#", "#region don't }\n{", "{"),  # region
    ("dart", "var s = r'a \\'; {", "{"),  # raw
    ("dart", "var s = '''} ' '''; var t = 'a ${b['}']} }'; {", "{"),  # interp
    ("dart", "/* /* } */ } */ {", "{"),  # nested comment
    ("dart", "// don't }\n{", "{"),  # comment
    ("go", "s := `a \\`; {", "{"),  # raw
    ("go", "r := '}'; q := '\\''; s := \"}\" {", "{"),  # rune
    ("java", 'String s = """\n } " """; char c = \'"\'; {', "{"),  # text block
    ("java", 'char c = \'\\u007d\'; String s = "\\"}"; // }\n{', "{"),  # esc
    ("kotlin", 'val s = "a ${f("}")} }"; {', "{"),  # nested string
    ("kotlin", 'val s = """a \\"""; {', "{"),  # raw
    ("kotlin", "/* /* } */ } */ {", "{"),  # nested comment
    ("kotlin", "val c = '}'; val d = '\"'; {", "{"),  # char
    ("lua", "x = [==[ ]] } ]==] y = {", "{"),  # long level
    ("lua", "--[==[ ]] } ]==] y = {", "{"),  # long comment level
    ("lua", "x = [[ \\]] y = {", "{"),  # long
    ("lua", "a = b[c[1]] .. '}' {", "{"),  # index
    ("lua", "-- don't }\nx = '\\'}' {", "{"),  # comment
    ("php", "$s = <<<EOT\n } ' \" \nEOT;\nif (x) {", "{"),  # heredoc
    ("php", "$s = <<<'EOT'\n } ' \" \n  EOT;\n{", "{"),  # nowdoc
    ("php", "# don't }\n$a = 'x\n}\\'' . \"{$b['}']}\"; {", "{"),  # multi string
    ("php", "#[Attr('}')]\nfunction f() {", "{"),  # attribute
    ("ruby", "x = %w[a } b] + {", "{"),  # %w
    ("ruby", "x = %q(a } ') + %Q(\" ) + {", "{"),  # %q
    ("ruby", "s = <<~EOS\n  don't }\nEOS\nf {", "{"),  # heredoc
    ("ruby", "f(<<-A, <<B)\n }\n A\n ]\nB\nf {", "{"),  # 2 heredocs
    ("ruby", "a << b; x = c <<d; f {", "{"),  # shift
    ("ruby", "s =~ /[}]/ ; t.match?(/}/) ; f {", "{"),  # regex
    ("ruby", "x = y / 2; z = '}' / (", "("),  # division
    ("ruby", "puts /}/.match(x) ? {", "{"),  # regex after method
    ("ruby", 's = "a #{f("}")} }"; f {', "{"),  # interp
    ("ruby", 'y = :"}" ; f {', "{"),  # ?char
    ("ruby", "x = %r{a\\}/} ; f {", "{"),  # %r
    ("ruby", "x = 5 % 3; y = 7 %(3); f {", "{"),  # modulo
    ("ruby", "=begin\n } don't\n=end\nf {", "{"),  # =begin
    ("ruby", "s = 'a\n} b'; f {", "{"),  # string over lines
    ("ruby", "f `ls }`; f {", "{"),  # backtick
    ("rust", "fn f<'a>(x: &'a str) -> char { '}' }\nfn g<'b>() {", "{"),  # lifetime
    ("rust", 'let s = r#"a " } "#; {', "{"),  # raw
    ("rust", "/* /* } */ } */ {", "{"),  # nested comment
    ("rust", "let c = '\\''; let d = '\"'; let b = b'}'; 'outer: loop {", "{"),  # chars
    ("rust", "let c = '\\u{7d}'; let q = '\\x7d'; {", "{"),  # unicode char
    ("rust", 'let s = "a\n } \\" "; {', "{"),  # string over lines
    ("scala", 'val s = s"a ${f("}")} }"; {', "{"),  # interp
    ("scala", "val c = '}'; val x = 'sym; val d = '\"'; {", "{"),  # char
    ("scala", '/* /* } */ } */ val t = """ " } """; {', "{"),  # nested comment
    ("shell", "x=${#y}; n=$#; echo '}' # }\nf() {", "{"),  # ${#
    ("shell", "echo a#b; f() {", "{"),  # # in word
    ("shell", "cat <<EOF\n } don't (\nEOF\nf() {", "{"),  # heredoc
    ("shell", "cat <<-'E' > x\n\t\" }\n\tE\nf() {", "{"),  # heredoc quoted
    ("shell", 'cat <<< "}" ; x=$((1<<2)); f() {', "{"),  # herestring
    ("shell", 'echo "a $(f "}") }"; f() {', "{"),  # nested quote
    ("shell", "echo $'it\\'s }'; f() {", "{"),  # $'
    ("shell", "echo \\'; f() {", "{"),  # escaped quote
    ("shell", "x=`f '}'`; f() {", "{"),  # backtick
    ("shell", 'echo ${x#"}"} ${y%%\\}} ; f() {', "{"),  # expansion
    ("sql", "SELECT 'it''s (' , \"a (\" , (", "("),  # quotes
    ("sql", "SELECT 'a\\' , (", "("),  # backslash
    ("sql", "-- don't (\n/* ( */ SELECT (", "("),  # comments
    ("sql", "SELECT $$ ( ' $$, (", "("),  # dollar
    ("sql", "SELECT `a (`, 'x\n(' , (", "("),  # backtick, lines
    ("swift", 'let s = "a \\(f("}")) }"; {', "{"),  # interp
    ("swift", 'let s = #"a " } \\"#; {', "{"),  # raw
    ("swift", '/* /* } */ } */ let t = """\n " } \n"""; {', "{"),  # nested
    ("swift", "let r = /[}]/ ; {", "{"),  # regex
    ("r", 'x <- r"(a " } \\)" ; {', "{"),  # raw
    ("r", "x <- r\"---( ) } )---\"; y <- 'a\n}'; {", "{"),  # raw dashes
    ("r", "`a }` <- 1 # don't }\nx %in% y; {", "{"),  # backtick
    ("perl", "f($] >= 5) if $x[$#y] / 2; sub f {", "{"),  # the version
    ("perl", "my $n = $#array; my $m = $#{$x}; # }\nsub f {", "{"),  # $#
    ("perl", "$s =~ s/}/x/g; $s =~ m{a\\}}; $s =~ tr/}/{/; sub f {", "{"),  # s///
    ("perl", "my @w = qw( a } b ); my $q = q{a {b} c'}; sub f {", "{"),  # qw
    ("perl", "print <<EOT;\n } don't\nEOT\nsub f {", "{"),  # heredoc
    ("perl", "if ($x =~ /[}]/) { $y = $z / 2 } split /}/, $x; sub f {", "{"),  # regex
    ("perl", "=pod\n\n don't }\n\n=cut\n\nsub f {", "{"),  # pod
    ("perl", 'my $s = "a\n } "; sub f {', "{"),  # string over lines
    ("julia", "x = a'; y = '}'; z = b' * c'; f(", "("),  # transpose
    ("julia", 's = "a $(f(")")) )"; f(', "("),  # interp
    ("julia", "#= #= ) =# ) =# f(", "("),  # nested comment
    ("julia", 's = raw"a )" * r"[)]" * `ls )`; f(', "("),  # raw
    ("julia", "c = '\\''; d = '\"'; f(", "("),  # char
    ("julia", 's = "a\n ) "; f(', "("),  # string over lines
]

CLOSING = {")": "(", "]": "[", "}": "{"}


@pytest.mark.parametrize(("language", "code", "brackets"), OPEN)
def test_brackets_in_strings_and_comments_are_not_code(language, code, brackets):
    language = find(language)
    assert "".join(CLOSING[one.closer] for one in read(code, language).stack) == brackets
    assert not [token for token, state in tokens(code, language) if state.stray]


@pytest.mark.parametrize(
    ("language", "code", "inside"),
    [
        ("javascript", "f(", "code"),
        ("javascript", "'a", "string"),
        ("javascript", "'a'", "code"),
        ("javascript", "'a\n", "code"),
        ("javascript", "`a\n", "string"),
        ("javascript", "`a ${", "code"),
        ("javascript", "`a ${b}", "string"),
        ("javascript", "`a ${`b", "string"),
        ("javascript", "// a", "comment"),
        ("javascript", "// a\n", "code"),
        ("javascript", "/* a\n", "comment"),
        ("javascript", "/* a */", "code"),
        ("shell", "cat <<EOF", "code"),
        ("shell", "cat <<EOF | wc\n", "string"),
        ("shell", "cat <<EOF\n'\nEOF", "code"),
        ("rust", "/* /* */", "comment"),
        ("rust", "fn f<'a", "code"),
        ("rust", "'a'", "code"),
        ("rust", 'r#"a" ', "string"),
        ("lua", "--[==[ ]]", "comment"),
        ("sql", "SELECT $$ a; ", "string"),
        ("php", "$a = <<<'EOT'\n", "string"),
        ("markdown", "don't", "code"),
    ],
)
def test_it_is_known_in_what_the_code_ends(language, code, inside):
    assert read(code, find(language)).inside == inside


@pytest.mark.parametrize(
    ("language", "prompt", "kept", "more"),
    [
        (
            "javascript",
            "function f(s) {",
            "\n  return (typeof /}/g) + s.replace(/[}]/g, '');\n}",
            "\nf('');\n",
        ),
        (
            "javascript",
            "const f = (s) => {",
            "\n  return s.split(' ').map(x => /[}]/g.test(x));\n};",
            "\nf('');\n",
        ),
        ("javascript", "const f = (s) => {", "\n  throw /}/g;\n};", "\nf('');\n"),
        ("javascript", "function f(a, b) {", "\n  return a++ / b + '}' / `${`}`}`;\n}", "\nf(1, 2);\n"),
        ("ruby", "def f(s)", "\n  puts /end/ =~ s\n  %w[a end]\nend", "\nf 1\n"),
        ("ruby", "def f", "\n  <<~TEXT.lines\n    the end\n    end\n  TEXT\nend", "\nf\n"),
        ("perl", "sub f {", "\n  s/}/x/g;\n  return map { q(}) } split /}/, shift;\n}", "\nf();\n"),
        ("shell", "f() {", "\n  cat <<EOF\n}\nEOF\n}", "\nf\n"),
        ("rust", "fn f() {", '\n    g(r#"a"}"#) /* /* */ } */\n}', "\nfn main() {}\n"),
        ("swift", "func f() {", '\n  print("a \\(g("}")) }")\n}', "\nf()\n"),
        ("sql", "CREATE FUNCTION f() RETURNS int AS ", "$$ SELECT 1; SELECT 2; $$;", "\nSELECT 3;\n"),
    ],
)
def test_a_completion_is_not_cut_within_a_string(language, prompt, kept, more):
    whole = kept + more
    assert block_end(prompt, whole, language=find(language)) == len(kept)
    assert all(block_end(prompt, whole[:n], find(language)) is None for n in range(len(kept)))


SIGNS = [
    *"{}()[]'\"`/*-#;\n%$<=\\ ",
    "${",
    "#{",
    "<<A",
    "A",
    "end",
    "do",
    "if",
    "r#",
    "//",
    "/*",
    "--[[",
    "]]",
    "q",
]
texts = st.lists(st.sampled_from(SIGNS), max_size=40).map("".join)
languages = st.sampled_from(LANGUAGES)


@given(texts, languages)
def test_tokens_are_all_of_the_code_and_can_be_read_on_from_any_of_them(code, language):
    read_at_once = list(tokens(code, language))
    assert "".join(code[token.start : token.end] for token, _ in read_at_once) == code
    for i, (token, state) in enumerate(read_at_once):
        assert list(tokens(code, language, state, token.end)) == read_at_once[i + 1 :]
    quiet = "".join(code[start:end] for start, end in quiet_spans(code, language))
    assert quiet == "".join(code[token.start : token.end] for token, _ in read_at_once if token.text is None)


@given(texts, texts, languages.filter(lambda one: one.blocks in ("braces", "words", "statements")))
def test_a_completion_ends_where_it_does_when_it_is_read_as_it_grows(prompt, text, language):
    for n in range(len(text) + 1):
        grown = block_end(prompt, text[:n], language)
        if grown is not None:
            break
    blocks._reached.cache_clear()
    assert grown == block_end(prompt, text[:n], language)


def test_a_line_more_costs_what_it_is_long_and_not_what_is_above_it():
    language, line = find("javascript"), "  if (a.b[1] === c) { s = s.replace(/[}]/g, `x ${y}`); } // note\n"
    text = line * 200
    block_end("function f() {\n", text, language)
    begun = time.process_time()
    for n in range(1, 51):
        assert block_end("function f() {\n", text + line * n, language) is None
    assert time.process_time() - begun < 50 * 0.002


@pytest.mark.parametrize(
    "text", ["/", "'", "`${", "<<A\n", "/*", "[", 'r#"', "%w[", "\\", "$", "<", "((", "/["]
)
@pytest.mark.parametrize("language", ["javascript", "ruby", "perl", "rust", "shell", "swift", "sql", "lua"])
def test_no_text_takes_long(language, text):
    begun = time.process_time()
    read(text * 3000, find(language))
    assert time.process_time() - begun < 2
