"""What one attempt prints and logs is cut, bounded and numbered."""

import logging
import threading

import pytest

from actors.logs.attempt_capture import AttemptCapture
from actors.logs.limits import LogLimits
from actors.logs.ring import KEPT_BYTES, Ring, RingReader
from planners.model import AttemptId
from reconciler.views.logs import LogLevel, LogStream

ATTEMPT = AttemptId("t.1")
SMALL = LogLimits(line_chars=10, attempt_bytes=1_000, bytes_per_s=100, burst_bytes=500, last_lines=3)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def texts(capture: AttemptCapture) -> list[str]:
    last = capture.close()
    return [] if last is None else [line.text for line in last.lines()]


def test_a_line_is_added_once_it_is_whole():
    capture = AttemptCapture(ATTEMPT, LogLimits())

    for part in ("one", " line\nand", " another\n", "the rest"):
        capture.write(LogStream.STDOUT, part)

    assert [line.text for line in capture.batch().lines()] == ["one line", "and another"]
    assert texts(capture) == ["one line", "and another", "the rest"]


def test_parts_of_lines_of_two_threads_do_not_mix():
    capture = AttemptCapture(ATTEMPT, LogLimits())

    capture.write(LogStream.STDOUT, "of the ")
    other = threading.Thread(target=capture.write, args=(LogStream.STDOUT, "of another thread\n"))
    other.start()
    other.join()
    capture.write(LogStream.STDOUT, "first thread\n")

    assert texts(capture) == ["of another thread", "of the first thread"]


def test_of_a_progress_bar_only_what_is_seen_in_the_end_is_kept():
    capture = AttemptCapture(ATTEMPT, LogLimits())

    for percent in range(0, 101, 10):
        capture.write(LogStream.STDERR, f"\r{percent} %")
    capture.write(LogStream.STDERR, "\nwindows\r\n")

    assert texts(capture) == ["100 %", "windows"]


def test_levels_are_those_of_logging_and_of_the_stream():
    capture = AttemptCapture(ATTEMPT, LogLimits())

    capture.write(LogStream.STDOUT, "out\n")
    capture.write(LogStream.STDERR, "err\n")
    for number in (5, logging.INFO, 25, logging.ERROR, 60):
        capture.log(logging.LogRecord("name", number, "f.py", 1, "%s!", ("hello",), None))

    lines = capture.close().lines()
    assert [line.level for line in lines] == ["info", "warning", "debug", "info", "info", "error", "critical"]
    assert lines[-1].text == "hello!"
    assert lines[-1].logger == "name"


def test_a_record_that_cannot_be_formatted_is_a_line_all_the_same():
    capture = AttemptCapture(ATTEMPT, LogLimits())

    capture.log(logging.LogRecord("name", logging.INFO, "f.py", 1, "%d", ("no number",), None))

    assert texts(capture) == ["'%d' cannot be formatted: TypeError"]


def test_a_long_line_is_cut_and_says_so():
    capture = AttemptCapture(ATTEMPT, SMALL)

    capture.add(LogLevel.INFO, LogStream.LOGGING, "", "0123456789abc")

    assert texts(capture) == ["0123456789... (3 characters cut)"]


def test_what_exceeds_the_rate_is_dropped_and_counted_and_the_last_lines_are_kept():
    clock = Clock()
    capture = AttemptCapture(ATTEMPT, SMALL, now_s=clock)

    for number in range(100):
        capture.write(LogStream.STDOUT, f"line {number}\n")
    lines = texts(capture)

    assert lines[0] == "line 0"
    assert lines[-3:] == ["line 97", "line 98", "line 99"]
    kept = lines.index(next(line for line in lines if "dropped" in line))
    assert lines[kept].startswith(f"{100 - kept - 3} lines were dropped here")


def test_after_a_pause_lines_are_kept_again():
    clock = Clock()
    capture = AttemptCapture(ATTEMPT, SMALL, now_s=clock)
    for number in range(20):
        capture.write(LogStream.STDOUT, f"line {number}\n")

    clock.now_s += 2.0
    capture.write(LogStream.STDOUT, "later\n")

    *_, note, last = texts(capture)
    assert "dropped" in note
    assert last == "later"


def test_an_attempt_may_log_only_so_much_in_all():
    clock = Clock()
    capture = AttemptCapture(ATTEMPT, SMALL, now_s=clock)

    for number in range(100):
        clock.now_s += 10.0
        capture.write(LogStream.STDOUT, f"line {number}\n")
    lines = texts(capture)

    assert sum(len(line) + 48 for line in lines[: -SMALL.last_lines - 1]) <= SMALL.attempt_bytes
    assert lines[-1] == "line 99"


def test_lines_that_have_not_arrived_are_sent_again_with_the_same_numbers():
    capture = AttemptCapture(ATTEMPT, LogLimits())
    for text in "abc":
        capture.write(LogStream.STDOUT, f"{text}\n")

    first = capture.batch()
    capture.arrived(2)
    capture.write(LogStream.STDOUT, "d\n")
    second = capture.batch()

    assert (first.first, first.length) == (1, 3)
    assert (second.first, [line.text for line in second.lines()]) == (3, ["c", "d"])
    assert capture.batch(after=4) is None
    assert first.after(0) == first


def test_texts_that_are_not_ascii_and_half_characters_arrive():
    capture = AttemptCapture(ATTEMPT, LogLimits())

    capture.write(LogStream.STDOUT, 'naïve "日本" \x00 \ud83d\n')

    assert texts(capture) == ['naïve "日本" \x00 \\ud83d']


def test_secrets_are_masked():
    capture = AttemptCapture(ATTEMPT, LogLimits(), masked=lambda text: text.replace("s3cret", "***"))

    capture.write(LogStream.STDOUT, "the key is s3cret\n")

    assert texts(capture) == ["the key is ***"]


@pytest.fixture
def ring(tmp_path):
    return Ring(tmp_path / "ring", overwrite=False)


def test_the_ring_holds_what_has_not_arrived_and_the_last_of_what_was_dropped(ring, tmp_path):
    clock = Clock()
    capture = AttemptCapture(ATTEMPT, SMALL, ring=ring, now_s=clock)
    for number in range(50):
        capture.write(LogStream.STDOUT, f"line {number}\n")
    reader = RingReader(tmp_path / "ring")
    reader.release(reader.generation, len(b"1 t.1 \n") + len(capture.batch().text.partition("],[")[0]))

    found = reader.read(last=True)

    assert [record.number for record in found.kept][:2] == [2, 3]
    assert {record.attempt for record in found.kept} == {ATTEMPT}
    assert '"line 49"' in found.last[-1].line
    assert len(found.kept) + 1 + found.last[-1].number == 50


def test_a_ring_that_is_full_drops_lines_until_others_have_arrived(ring, tmp_path):
    clock = Clock()
    generous = LogLimits(attempt_bytes=10**9, burst_bytes=10**9)
    capture = AttemptCapture(ATTEMPT, generous, ring=ring, now_s=clock)
    for _ in range(KEPT_BYTES // 3_000 + 1):
        capture.write(LogStream.STDOUT, "x" * 3_000 + "\n")

    reader = RingReader(tmp_path / "ring")
    reader.release(reader.generation, reader.read().end)
    capture.write(LogStream.STDOUT, "again\n")

    *_, note, last = texts(capture)
    assert "were dropped here" in note
    assert last == "again"


def test_a_ring_that_is_overwritten_keeps_the_latest_whole_lines(tmp_path):
    ring = Ring(tmp_path / "shared", overwrite=True)
    for number in range(20_000):
        ring.append(f'{number} t.1 ["{"x" * 40}"]\n'.encode())

    found = RingReader(tmp_path / "shared").read()

    assert [record.number for record in found.kept] == list(range(found.kept[0].number, 20_000))
    assert len(found.kept) > 5_000


def test_a_ring_that_begins_anew_is_empty_and_names_its_attempt(ring, tmp_path):
    reader = RingReader(tmp_path / "ring")
    ring.begin(ATTEMPT)
    ring.append(b'1 t.1 ["x"]\n')
    ring.end()
    before = reader.read()
    ended = reader.ended

    ring.begin(AttemptId("t.2"))

    assert (len(before.kept), ended) == (1, True)
    assert reader.read().kept == ()
    assert (reader.attempt, reader.ended) == ("t.2", False)
    assert reader.generation != before.generation
