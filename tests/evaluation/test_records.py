"""Files that are killed while they are written to."""

from __future__ import annotations

import pytest

from cg2magic.errors import UsageError
from cg2magic.evaluation.records import Records


def test_rows_are_there_the_next_time(tmp_path):
    path = tmp_path / "rows.jsonl"
    Records(path).add([{"a": "ä\n"}])
    Records(path).add([{"a": 2}])
    assert Records(path).rows == [{"a": "ä\n"}, {"a": 2}]
    assert path.read_text("utf-8").count("\n") == 2


@pytest.mark.parametrize("kept", range(1, 13))
def test_a_half_written_last_line_is_forgotten_wherever_it_was_cut(tmp_path, kept):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n' + '{"a": "ä"}\n'.encode()[:kept])
    records = Records(path)
    whole = kept == 12
    assert records.rows == [{"a": 1}, {"a": "ä"}][: 2 if whole else 1]
    records.add([{"a": 3}])
    assert Records(path).rows[-1] == {"a": 3}
    assert len(Records(path).rows) == (3 if whole else 2)


@pytest.mark.parametrize("line", ["nonsense", "[1]", '"text"'])
def test_a_file_that_is_not_ours_is_left_alone(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n' + line + "\n")
    with pytest.raises(UsageError, match=r"line 2 of .*rows.jsonl is not a JSON object"):
        Records(path)
    assert line in path.read_text()
