"""Tests that compare finds what differs: python3 -m unittest discover testdata/bench."""
import unittest

import compare
import works


class Difference(unittest.TestCase):
    def equal(self, ours, theirs, key=None):
        self.assertIsNone(compare.difference(iter(ours), iter(theirs), key))

    def differs(self, part, ours, theirs, key=None):
        found = compare.difference(iter(ours), iter(theirs), key)
        self.assertIsNotNone(found)
        self.assertIn(part, found)

    def test_floats_have_a_tolerance(self):
        self.equal([{"heat": 3927773.4715229133}], [{"heat": 3927773.4715229090}])
        self.differs("record 1", [{"heat": 3927773.47}], [{"heat": 3927773.48}])
        self.equal([{"heat": 2}], [{"heat": 2.0}])

    def test_everything_else_has_none(self):
        self.differs("record 1", [{"n": 9007199254740993}], [{"n": 9007199254740992}])
        self.differs("record 1", [{"course": "1"}], [{"course": 1}])
        self.differs("record 1", [{"ok": True}], [{"ok": 1.0}])
        self.differs("record 1", [{"a": 1}], [{"a": 1, "b": 2}])

    def test_a_missing_or_further_record_is_found(self):
        self.differs("the peer has none", [{"a": 1}, {"a": 2}], [{"a": 1}])
        self.differs("logpipe has none", [{"a": 1}], [{"a": 1}, {"a": 2}])
        self.differs("empty", [], [])

    def test_order_matters_without_a_key(self):
        rows = [{"page": "a", "n": 1}, {"page": "b", "n": 2}]
        self.differs("record 1", rows, rows[::-1])
        self.equal(rows, rows[::-1], ["page"])


class Normal(unittest.TestCase):
    def test_windows(self):
        row = works.window_in_ms({"window_start": "2026-02-28T23:59:00Z", "window_end": "2026-03-01T00:00:00Z"})
        self.assertEqual(row, {"start": 1772323140000, "length": 60000})

    def test_requests(self):
        row = works.request({"time": "01/Mar/2026:00:00:00 +0000", "user": "-", "path": "/s?q=a?b", "bytes": None})
        self.assertEqual(row, {"time": "2026-03-01T00:00:00Z", "path": "/s", "query": "q=a?b"})


if __name__ == "__main__":
    unittest.main()
