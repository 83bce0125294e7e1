"""Where a completion ends because the model begins to explain, or has not begun to answer."""

from __future__ import annotations

import pytest

from cg2magic.syntax.endings import after_comment, block_end


def kept(prompt, text, language="python"):
    """What of a completion stays, however it comes."""
    for length in range(len(text) + 1):
        end = block_end(prompt, text[:length], language)
        if end is not None:
            return text[:end]
    return text[: block_end(prompt, f"{text}\n", language)].rstrip()


@pytest.mark.parametrize(
    ("prompt", "text", "wanted"),
    [
        # imports and comments are no answer yet
        (
            "# fit a logistic regression\n",
            "from sklearn.svm import SVC\nimport numpy\n\n# the data\nX = df[['a']]\n\nprint(X)\n\ny = 1",
            "from sklearn.svm import SVC\nimport numpy\n\n# the data\nX = df[['a']]\n\nprint(X)",
        ),
        (
            "# load it\n",
            "# first\n\nimport pandas as pd\n\n\nshow(df)\n\nx = 2",
            "# first\n\nimport pandas as pd\n\n\nshow(df)",
        ),
        (
            "import pandas as pd\nimport",
            " numpy as np\n\nx = np.ones(3)\n\ny = 2",
            " numpy as np",
        ),
        # a bracket that nothing opened
        ("x.", "sum() == 1.0)\n    return x\n```", "sum() == 1.0"),
        ("f(x.", "sum() == 1.0)\nprint(x)\n\ny = 1", "sum() == 1.0)\nprint(x)"),
        # the function above is left behind
        (
            "def f():\n    return 1\n\n\n",
            "# how to use it:\nprint(f())\n\nx = 1",
            "# how to use it:\nprint(f())",
        ),
        ("def f():\n    x = 1\n\n", "    return x\nprint(f())", "    return x"),
        ("import re\n", "\n\nx = [1]\n\ny = 2", "\n\nx = [1]"),
        # nor is what is assigned to a name, if a comment says what is wanted
        (
            "# load it and show it\n",
            "# Load\ndf = read(\n    'a.csv',\n)\n\n# Show\nprint(df.head())\n\n# Count\nprint(len(df))",
            "# Load\ndf = read(\n    'a.csv',\n)\n\n# Show\nprint(df.head())",
        ),
        ("# fit it\nimport a\n", "X = read()\n\nfit(X)\n\ny = 1", "X = read()\n\nfit(X)"),
        ("# add a column\n", "df['b'] = df['a'] * 2\n\ndf['c'] = 3", "df['b'] = df['a'] * 2"),
        ("# two numbers\n", "a, b = 1, 2\n\n\nc = 3", "a, b = 1, 2"),
        ("import numpy as np\n", "x = np.ones(3)\n\ny = 2", "x = np.ones(3)"),
        (
            '"""Reverse a string"""\n',
            "def f(s):\n    return s[::-1]\n\nprint(f('a'))",
            "def f(s):\n    return s[::-1]",
        ),
        # what separates cells in scripts
        ("# a plot\n", "import numpy as np\n\n# %%\n# The use of\nx = 1", "import numpy as np"),
        ("# a plot\n", "# %%\nplt.plot(x)\n# In[2]:\nx = 1", "# %%\nplt.plot(x)"),
        ("# a plot\n", "plt.plot(x)\n%%time\ny = 1", "plt.plot(x)"),
        ("text = ", '"""\n%%time\n"""', '"""\n%%time\n"""'),
        # a fence
        ("def f(x):\n", "    return x\n```\n\nThis function", "    return x"),
        ("# a plot\n", "plt.plot(x)\n```", "plt.plot(x)"),
        ("# a plot\n", "```python\nplt.plot(x)\n```", ""),
        ("x = 1\n", 'text = """\n```\ncode\n```\n"""\n', 'text = """\n```\ncode\n```\n"""'),
        # prose
        ("# how many?\n", "df.isna().sum()\nThis will count the values.\n", "df.isna().sum()"),
        ("# how many?\n", "df.isna().sum()\nThis will count the values.", "df.isna().sum()"),
        ("# how many?", "\n\nTo determine how many there are, you can use:\n\nx = 1", ""),
        ("# how?\n", "x = 1\n1. Load the data\n", "x = 1"),
        ("# how?\n", "x = 1\n**Note** that", "x = 1"),
        # what looks like prose and is none
        (
            "# split\n",
            "X_train, X_test = split(X)\nModel = X_train\n",
            "X_train, X_test = split(X)\nModel = X_train",
        ),
        ("x = f(\n", "    'a',\nHere is not the end\n)\n", "    'a',\nHere is not the end\n)"),
        ('s = """\n', 'This is a text.\nAnd it goes on\n"""\n', 'This is a text.\nAnd it goes on\n"""'),
    ],
)
def test_python(prompt, text, wanted):
    assert kept(prompt, text) == wanted


@pytest.mark.parametrize(
    ("language", "prompt", "text", "wanted"),
    [
        ("javascript", "function f() {\n", "  return 1;\n```\nThis", "  return 1;"),
        ("r", "# a plot\n", "plot(x)\n```\n", "plot(x)"),
        ("bash", "# list\n", "ls\n```", "ls"),
    ],
)
def test_a_fence_in_other_languages(language, prompt, text, wanted):
    assert kept(prompt, text, language) == wanted


def test_markdown_may_have_fences():
    assert kept("# A title\n", "```\ncode\n```", "markdown") == "```\ncode\n```"


@pytest.mark.parametrize(
    ("code", "language", "wanted"),
    [
        ("# count the values", "python", "# count the values\n"),
        ("x = 1  # the one", "python", "x = 1  # the one"),
        ("if x:\n    # the one", "python", "if x:\n    # the one\n"),
        ('s = """\n# a title', "python", 's = """\n# a title'),
        ("// sum", "javascript", "// sum\n"),
        ("# ", "python", "# "),
        ("x = '# no'", "python", "x = '# no'"),
        ("x = '# begun", "python", "x = '# begun"),
        ("# done\n", "python", "# done\n"),
        ("def f(", "python", "def f("),
    ],
)
def test_what_ends_in_a_comment_goes_on_in_the_next_line(code, language, wanted):
    assert after_comment(code, language) == wanted
