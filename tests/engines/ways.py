"""What the tests of the way to a server share."""

from __future__ import annotations

import pytest

from cg2magic.engines.remote.model import reach
from cg2magic.errors import LoadError
from cg2magic.models.locate import MINI
from cg2magic.models.tokenizer_file import FileTokenizer
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, Sampling

REQUEST = Request(("import numpy as np\n",), Sampling(max_new_tokens=8))
WORD = Vocabulary(FileTokenizer(MINI)).encode("x = 1")
SECRET = "sesame-1234"
#: A name that is not of this machine, and that nobody has (RFC 2606).
FAR = "http://models.invalid:8000/v1"


def refused(url: str, **how) -> str:
    """Why a model can't be loaded; one line, in which no secret is, nor in what it was caused by."""
    with pytest.raises(LoadError) as caught:
        reach(url, **how)
    assert "\n" not in str(caught.value)
    assert "sesame" not in str(caught.value)
    return str(caught.value)
