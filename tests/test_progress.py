"""Progress bars on standard error."""

from __future__ import annotations

import pytest

from melp.progress import progress_bar


@pytest.mark.parametrize("shown", [True, False])
def test_progress_bar_prints_to_stderr_only_if_shown(capsys: pytest.CaptureFixture[str], shown: bool) -> None:
    with progress_bar("loss {task.fields[loss]}", shown=shown) as bar:
        task = bar.add_task("reading", total=8, loss="-")
        bar.advance(task, 3)
        bar.update(task, loss="0.5")
    out, err = capsys.readouterr()
    assert out == ""
    if shown:
        assert all(text in err for text in ("reading", "3/8", "loss 0.5"))
    else:
        assert not err.strip()
