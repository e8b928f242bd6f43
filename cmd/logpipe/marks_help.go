package main

// marksHelp describes the control lines of a stream for the authors of other tools.
func marksHelp() string {
	return `A pipe that loses nothing, and its format for other tools.

A command that commits when it has printed loses what sits in the pipes when a
later command dies. With --marks, consume commits nothing. It writes control lines
between the records, each command passes them on when it is done with the records
before them, and the last one commits:

  logpipe consume access -g web --marks | logpipe parse access | logpipe produce parsed

If any of the three dies, the records that produce had not acknowledged are read
again. What commits: produce, when the brokers have acknowledged; commit, when the
line is written; top on a terminal. With produce --tx ID the records and the
offsets are one transaction: nothing is lost and nothing comes twice.

Who passes a mark when:
  parse enrich where select set drop rename each   at its place
  head        before its last record; what comes behind it is read again
  aggregate   when every window with an earlier record is out; it refuses marks
              without --window: it would never be done with a record
  top         when the window at hand is complete
  sort table  at the end of the input

Behind a rebalance consume writes a reset: what came before and is not committed
comes again, from here or from another member. aggregate, sort and top forget what
they hold of it, produce --tx takes the open transaction back. A commit for the
generation before is refused by Kafka and does no harm.

A program that knows nothing of marks has to pass control lines as they are:

  grep -e '^{"@logpipe"' -e ERROR
  jq -c 'if has("@logpipe") then . else …  end'
  awk 'index($0, "{\"@logpipe\"") == 1 { print; next } …'

behind it, logpipe commit ends the pipe. Where marks do not come back, consume says
so after 30s, and what was not committed is read again. Two streams with marks
cannot be joined into one: the second open line is refused.

At the end the last command tells the records of all: in, out, rejected, late, and
where one has read fewer or more than the one before it wrote; --strict makes that
exit 3.

The format, version 1. A stream has control lines if its first line is

  {"@logpipe":"open","token":"TOKEN","version":1}

and then only lines that begin with {"@logpipe":"KIND","token":"TOKEN" with that
token are control lines; all other lines, in this stream and in others, are records.
Each is one line of JSON with these two fields first:

  source     "source":"TOPIC/PARTITION": the records behind come from there
  watermark  "source", and "idle":true: windows do not wait for it until it has
             records again; or "time":NS: no record behind has an event time before
             it (nanoseconds since 1970 UTC)
  mark       "epoch" (its number), "brokers", "group", "member", "instance",
             "generation", "offsets":{"TOPIC/PARTITION":NEXT}: with what OffsetCommit
             is called, and "logpipe epoch=N" as its metadata; "ledger": the counts
             of the commands so far
  reset      the same fields; reading begins anew at "offsets"; "behind" lists the
             partitions that have records already
`
}
