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

consume stays a member of its group until its last mark is committed: as long as its
reader lives, which is to the end of the pipe where all commands are logpipe's. When
another program has ended, what is behind it has --grace. So has the whole pipe on
other systems than Linux: whether anybody reads a pipe that was closed here, so that its
reader sees the end, is not to be known there. A mark that comes too late
is refused: the end of the pipe says so, and ends with 1.

Who passes a mark when:
  parse enrich where select set drop rename each   at its place
  head        before its last record; what comes behind it is read again
  aggregate   when every window with an earlier record is out; it refuses marks
              without --window: it would never be done with a record
  top         when the window at hand is complete
  sort table  at the end of the input

A mark carries along how far the windows before it were out, and the commit keeps
that: behind a restart the records that are read again count for later windows
only, so that a row of a window never comes with a part of its records. A run that
ends by itself (consume -e) prints the windows that it has; what the next run reads
of such a window is in a row of its own. Windows of the time of arrival (--time now)
cannot do this, and produce --tx refuses them.

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

A program that knows them keeps the lines in their order, and lets a mark go when it
is done with the records before it, and not before. Where it leaves records out or
makes some, it adds its counts to the ledger of each mark. A mark that comes behind one
with a higher epoch, marks of two groups, and a control line that cannot be read end
the command that reads them with 1; so end produce and commit where records come
behind the last mark, or marks name no group. A last line without an end, before the last mark, is what a
program has left that died within it: it is told, is no record, and comes again.

At the end the last command tells the records of all. Each counts its own, and

  in + made = out + rejected + late + dropped + folded + again + open

holds for each: dropped are those that it leaves out by its purpose (where, head, top
behind the Nth; blank lines), folded those that went into rows ("in rows"), made are
these rows ("rows made", a part of out), again those that were forgotten or taken back
and come again, open those that it still holds. Where that does not add up, or one has
read fewer or more than the one before it wrote, it is told, and --strict makes it
exit 3. Each command holds that of its own records too, also without marks; -v prints
the counts, and --strict ends it with 3 where they do not add up. Where records came and
no mark at all, nothing is committed: that is told, and the last command ends with 1.

Marks come every --mark-every, more often at the begin and behind a pause, and between
so few records that a slow pipe has as many. With --tx the time between two of them has
to be below --transaction-timeout: the cluster takes back what stands open for longer.
Up to 1 MiB waits for its mark in produce, and the transaction begins with that; where
more comes, it begins then, and produce tells when half of its time is over.

On a topic that goes quiet the last window, and the marks behind its first record, wait
until a later record comes, whichever partition it is in: those that are silent for
consume --idle hold nothing back. What waits is not committed, and read again if the
pipe ends. Where no later record may come, aggregate --time now closes windows by the
clock, without --tx.

The user, password and certificate of produce and commit are for the brokers of their
own -b, and for the cluster of the marks where it is the same one: it has the same id,
and is then reached by -b, or the marks name no other brokers than -b. Another cluster
is spoken to without them, or as --source-config FILE says (client.properties).

The format, version 1. A stream has control lines if its first line is

  {"@logpipe":"open","token":"TOKEN","version":1}

("every":MS, optional, is --mark-every; "again":NAME, of a command whose rows hold other
records when the same are read again)

and then only lines that begin with {"@logpipe":"KIND","token":"TOKEN" with that
token are control lines; all other lines, in this stream and in others, are records.
Each is one line of JSON with these two fields first, with or without a blank behind
each colon and comma:

  source     "source":"TOPIC/PARTITION": the records behind come from there
  watermark  "source", and "idle":true: windows do not wait for it until it has
             records again; or "time":NS: no record behind has an event time before
             it (nanoseconds since 1970 UTC)
  mark       "epoch" (its number), "cluster" (its id, where known: produce --tx takes
             records of its own alone), "brokers", "group", "member", "instance",
             "generation", "offsets":{"TOPIC/PARTITION":NEXT}: with what OffsetCommit
             is called, and "logpipe epoch=N until=NS,NS" as its metadata;
             "topics":{"TOPIC":ID}, where known: the topics' ids, as Kafka's tools
             write them. What is of a topic that has another id by now, for it was
             deleted and made again, or that is gone, is not to be committed;
             "leaders":{"TOPIC/PARTITION":EPOCH}, where known: of the record before
             each offset, the leader epoch of OffsetCommit, by which it is found out
             that the log was cut; "until":
             {"TOPIC/PARTITION":[NS]}: how far the windows were out, of each command
             that has some, first to last; "ledger": the counts of the commands so
             far, [{"stage":NAME,"in":N,"out":N,…}], with rejected, late, dropped,
             folded, made, again and open where they are not 0; "last":true:
             reading has ended there. A command that reaches the end of its input
             without it lets no mark pass any more
  reset      "epoch", "cluster", "brokers", "group", "member", "instance" and
             "generation" as in mark; reading begins anew at "offsets"; "until" is what
             the group has committed so; "behind" lists the partitions that have
             records already

A test vector: a stream with the records one, two, three and {"@logpipe":"mark"}.

` + marksVector

}

// marksVector is a stream with control lines of each kind, as consume, and those behind
// it, write them.
const marksVector = `{"@logpipe":"open","token":"9f2c","version":1,"every":1000}
{"@logpipe":"reset","token":"9f2c","epoch":3,"cluster":"X1","brokers":["127.0.0.1:9092"],"group":"web","member":"logpipe-1","generation":2,"offsets":{"access/0":15,"access/1":20},"until":{"access/0":[1772359200000000000]},"behind":["access/0"]}
{"@logpipe":"source","token":"9f2c","source":"access/0"}
one
two
{"@logpipe":"mark","token":"9f2c","epoch":4,"cluster":"X1","brokers":["127.0.0.1:9092"],"group":"web","member":"logpipe-1","generation":2,"offsets":{"access/0":17,"access/1":20},"ledger":[{"stage":"consume","in":2,"out":2},{"stage":"parse","in":2,"out":2}]}
{"@logpipe":"source","token":"9f2c","source":"access/1"}
three
{"@logpipe":"watermark","token":"9f2c","source":"access/0","idle":true}
{"@logpipe":"watermark","token":"9f2c","time":1772359260000000000}
{"@logpipe":"mark"}
{"@logpipe":"mark","token":"9f2c","epoch":5,"cluster":"X1","brokers":["127.0.0.1:9092"],"group":"web","member":"logpipe-1","generation":2,"offsets":{"access/0":17,"access/1":23},"last":true,"until":{"access/0":[1772359260000000000],"access/1":[0]},"ledger":[{"stage":"consume","in":5,"out":5},{"stage":"parse","in":5,"out":4,"rejected":1}]}
`
