"""The ledger: lines of many writers, and lines that were torn."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace

from synth.films.ledger import Ledger, LedgerLine, read_ledger

LINE = LedgerLine(
    "train/run0/a/a_c0001", "failed", 2, "why “it” failed\nwith a second line",
    1.5, 0.5, 100, 0, "host:7", "2019-06-16T09:30:00Z",
)  # fmt: skip


def test_lines_come_back_and_shards_have_files_of_their_own(tmp_path):
    Ledger(tmp_path).append(LINE)
    for shard in ((1, 2), (2, 2)):
        Ledger(tmp_path, shard=shard).append(replace(LINE, attempt=shard[0]))
    assert len(list((tmp_path / "ledger").iterdir())) == 3
    assert sorted(line.attempt for line in read_ledger(tmp_path)) == [1, 2, 2]
    assert next(iter(read_ledger(tmp_path))).reason == LINE.reason
    assert list(read_ledger(tmp_path / "nowhere")) == []


def test_a_torn_line_is_passed_over_and_the_next_stands_by_itself(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.append(LINE)
    whole = ledger.path.read_bytes()
    for length in range(len(whole)):
        ledger.path.write_bytes(whole + whole[:length])
        ledger.append(replace(LINE, attempt=1))
        attempts = [line.attempt for line in read_ledger(tmp_path)]
        # All but the line's end was written: then the line is whole after all.
        assert attempts == ([2, 2, 1] if length == len(whole) - 1 else [2, 1]), length


def _write(folder, number):
    ledger = Ledger(folder)
    for _ in range(200):
        ledger.append(replace(LINE, attempt=number))


def test_processes_that_write_one_file_at_once_tear_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, k)) for k in (1, 2, 3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    attempts = [line.attempt for line in read_ledger(tmp_path)]
    assert sorted(attempts) == sorted([1, 2, 3] * 200)
