"""Runs one command and measures it: meter.py RESULT COMMAND...

Wall time, CPU time (user and system, of the command and all that it waited
for) and the peak memory of its largest process go to RESULT as JSON. It is a
process of its own, and small, because Linux counts the memory of the process
that starts a command as the command's own; what it reports is never below its
own 10 MiB or so.
"""
import json
import os
import sys
import time

command = sys.argv[2:]
begin = time.perf_counter()
pid = os.posix_spawnp(command[0], command, os.environ)
_, status, usage = os.wait4(pid, 0)
wall = time.perf_counter() - begin
scale = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there
with open(sys.argv[1], "w") as f:
    json.dump({"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss * scale}, f)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
