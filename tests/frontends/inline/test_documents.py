"""A page tells its notebook once, and then what has changed; what the kernel has is always all of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cg2magic.frontends.inline.documents import Documents, applied

# Few ids: in old notebooks two cells may have the same one.
CELLS = st.fixed_dictionaries(
    {"id": st.sampled_from("abcdef"), "cell_type": st.sampled_from(["code", "markdown"]), "source": st.text()}
)
NOTEBOOKS = st.fixed_dictionaries(
    {
        "cells": st.lists(CELLS, max_size=6),
        "active": st.integers(0, 5),
        "metadata": st.fixed_dictionaries({"cg2magic": st.dictionaries(st.text(), st.text(), max_size=1)}),
    }
)


def whole(notebook, page="p", version=1):
    return {"page": page, "version": version, "since": None, **notebook}


@given(NOTEBOOKS, st.data())
def test_cells_stay_move_come_and_go(before, data):
    count = len(before["cells"])
    runs = st.integers(0, count).flatmap(
        lambda first: st.integers(0, count - first).map(lambda length: [first, length])
    )
    told = data.draw(st.lists(st.one_of(runs, CELLS), max_size=6))
    now = []
    for each in told:
        now += [each] if isinstance(each, dict) else before["cells"][each[0] : each[0] + each[1]]
    assert applied(before, {"cells": told}) == {**before, "cells": now}
    assert applied(before, {"active": 7}) == {**before, "active": 7}


@given(st.lists(st.tuples(st.sampled_from("pq"), NOTEBOOKS, st.booleans()), max_size=12))
def test_of_two_pages_with_messages_lost_none_gets_another_notebook_than_its_own(messages):
    documents, told = Documents(), {}
    for version, (page, notebook, arrives) in enumerate(messages, start=1):
        since = told.get(page)
        told[page] = version
        message = {**whole(notebook, page, version), "since": since}
        if not arrives:
            continue
        taken = documents.take(message)
        if taken is None:
            taken = documents.take(whole(notebook, page, version))
        assert taken == notebook


def test_what_builds_on_what_is_not_here_is_refused_and_the_whole_is_taken():
    documents = Documents()
    notebook = {"cells": [], "active": 0, "metadata": {}}
    change = {"page": "p", "version": 2, "since": 1, "active": 3}
    assert documents.take(change) is None  # the kernel was restarted, or has forgotten the page
    assert documents.take(whole(notebook)) == notebook
    assert documents.take({**change, "page": "q"}) is None
    assert documents.take(change) == {**notebook, "active": 3}
    assert documents.take({"page": "p", "version": 2, "since": 2}) == {**notebook, "active": 3}
    assert documents.take({**change, "version": 5, "since": 4}) is None  # the third and the fourth were lost


@pytest.mark.parametrize(
    "cells", [[[0, 3]], [[-1, 1]], [[2, 0]], [[1, -1]], [3], ["ab"], [[0, 1, 2]], 7, [None]]
)
def test_a_change_that_makes_no_sense_is_refused(cells):
    documents = Documents()
    documents.take(
        whole({"cells": [{"id": "a", "cell_type": "code", "source": ""}], "active": 0, "metadata": {}})
    )
    assert documents.take({"page": "p", "version": 2, "since": 1, "cells": cells}) is None


def test_of_many_pages_the_last_are_remembered():
    documents = Documents()
    for page in range(100):
        documents.take(whole({"cells": [], "active": 0, "metadata": {}}, page=str(page)))
    assert documents.take({"page": "0", "version": 2, "since": 1}) is None
    assert documents.take({"page": "99", "version": 2, "since": 1})
    assert len(documents._known) < 20
