package main

import "github.com/logpipe/logpipe/pkg/op"

// topicExamples are those of the topic commands, by path.
func topicExamples() map[string][]op.Example {
	return map[string][]op.Example{
		"topic": {{
			Note:    "with a broker for this one line",
			Command: `logpipe broker -- sh -c 'logpipe topic create clicks --partitions 3; logpipe topic list' 2>&1`,
			Output:  "logpipe topic create: created topic \"clicks\"\nclicks\n",
		}},
		"topic create": {{
			Note:    "with a broker for this one line",
			Command: `logpipe broker -- sh -c 'logpipe topic create clicks --partitions 2 --config retention.ms=3600000; logpipe topic describe'`,
			Output: "TOPIC   PARTITION  LEADER  REPLICAS  IN SYNC  SETTINGS\n" +
				"clicks  0          0       0         0        retention.ms=3600000\nclicks  1          0       0         0        retention.ms=3600000\n",
		}},
		"topic list": {{
			Command: `logpipe broker -- sh -c 'logpipe topic create -q clicks && logpipe topic create -q users && logpipe topic list'`,
			Output:  "clicks\nusers\n",
		}},
		"topic describe": {{
			Command: `logpipe broker -- sh -c 'logpipe topic create -q clicks --partitions 2 && logpipe topic describe clicks'`,
			Output:  "TOPIC   PARTITION  LEADER  REPLICAS  IN SYNC  SETTINGS\nclicks  0          0       0         0        -\nclicks  1          0       0         0        -\n",
		}, {
			Note:    "as kafka-topics.sh prints it; the first line has the topic's id, which is another one each time",
			Command: `logpipe broker -- sh -c 'logpipe topic create -q clicks && logpipe topic describe clicks --format java' | tail -n 1`,
			Output:  "\tTopic: clicks\tPartition: 0\tLeader: 0\tReplicas: 0\tIsr: 0\tElr: N/A\tLastKnownElr: N/A\n",
		}},
		"topic delete": {{
			Command: `logpipe broker -- sh -c 'logpipe topic create -q clicks && logpipe topic delete -q clicks && logpipe topic list | wc -l'`,
			Output:  "0\n",
		}},
		"topic alter": {{
			Command: `logpipe broker -- sh -c '
  logpipe topic create -q clicks
  logpipe topic alter clicks --config retention.ms=3600000
  logpipe topic describe clicks' 2>&1`,
			Output: "logpipe topic alter: changed 1 setting of topic \"clicks\"\n" +
				"TOPIC   PARTITION  LEADER  REPLICAS  IN SYNC  SETTINGS\nclicks  0          0       0         0        retention.ms=3600000\n",
		}},
		"topic add-partitions": {{
			Command: `logpipe broker -- sh -c '
  logpipe topic create -q clicks --partitions 2
  logpipe topic add-partitions clicks -q --partitions 6
  logpipe topic list --json'`,
			Output: `{"topic":"clicks","partitions":6,"replication_factor":1,"internal":false}` + "\n",
		}},
		"topic offsets": {{
			Command: `logpipe broker -- sh -c 'seq 1 20 | logpipe produce -q numbers; logpipe topic offsets numbers'`,
			Output:  "TOPIC    PARTITION  EARLIEST  LATEST  RECORDS\nnumbers  0          0         20      20\n",
		}, {
			Note:    "where the last hour begins, and the last five records; java is what kafka-get-offsets.sh prints",
			Command: `logpipe broker -- sh -c 'seq 1 20 | logpipe produce -q numbers; logpipe topic offsets numbers --at @-1h --json; logpipe topic offsets numbers --at -5 --format java'`,
			Output:  `{"topic":"numbers","partition":0,"offset":0}` + "\nnumbers:0:15\n",
		}},
		"topic dump": {{
			Command: `logpipe broker -- sh -c '
  seq 1 3 | logpipe produce -q numbers
  logpipe topic dump numbers numbers.zst -q
  logpipe topic restore numbers.zst copy
  logpipe consume copy -o beginning -e' 2>&1`,
			Output: "logpipe topic restore: restored 3 records into topic \"copy\" with 1 partition\n1\n2\n3\n",
		}},
		"topic restore": {{
			Note:    "from one cluster to another, in one line (here they are the same)",
			Command: `logpipe broker -- sh -c 'seq 1 3 | logpipe produce -q numbers; logpipe topic dump numbers -q | logpipe topic restore - copy' 2>&1`,
			Output:  "logpipe topic restore: restored 3 records into topic \"copy\" with 1 partition\n",
		}},
		"topic delete-records": {{
			Note:    "keep the last five of each partition",
			Command: `logpipe broker -- sh -c 'seq 1 20 | logpipe produce -q numbers; logpipe topic delete-records numbers --before -5; logpipe consume numbers -o beginning -n 1' 2>&1`,
			Output:  "logpipe topic delete-records: deleted 15 records of topic \"numbers\"\n16\n",
		}},
	}
}

// groupExamples are those of the group commands, by path.
func groupExamples() map[string][]op.Example {
	const read = "logpipe broker -- sh -c '\n" + `  seq 1 10 | logpipe produce -q numbers
  logpipe consume numbers -g heat -o beginning -n 7 -q >read` + "\n  "
	return map[string][]op.Example{
		"group": {{
			Note:    "how far a group has read",
			Command: read + "logpipe group describe heat'",
			Output: "GROUP  STATE  TOPIC    PARTITION  COMMITTED  END  LAG  CLIENT  HOST\n" +
				"heat   Empty  numbers  0          7          10   3    -       -\n",
		}},
		"group list": {{
			Command: read + "logpipe group list --format table'",
			Output:  "GROUP  STATE  TYPE\nheat   Empty  classic\n",
		}},
		"group describe": {{
			Command: read + "logpipe group describe heat'",
			Output: "GROUP  STATE  TOPIC    PARTITION  COMMITTED  END  LAG  CLIENT  HOST\n" +
				"heat   Empty  numbers  0          7          10   3    -       -\n",
		}, {
			Note:    "the groups with the longest way to go",
			Command: read + "logpipe group describe --json | logpipe top 3 --by lag | logpipe select group lag'",
			Output:  `{"group":"heat","lag":3}` + "\n",
		}},
		"group offsets": {{
			Note:    "keep what is committed, and go back to it",
			Command: read + "logpipe group offsets heat --format java > kept; cat kept\n  logpipe group reset heat -q --to end --execute\n  logpipe group reset heat --from-file kept --execute'",
			Output:  "numbers,0,7\nGROUP  TOPIC    PARTITION  FROM  TO\nheat   numbers  0          7     10\nGROUP  TOPIC    PARTITION  FROM  TO\nheat   numbers  0          10    7\n",
		}},
		"group reset": {{
			Note:    "what would happen, and then that it does",
			Command: read + "logpipe group reset heat --to beginning\n  logpipe group reset heat --to beginning --execute\n  logpipe consume numbers -g heat -n 1 -q' 2>&1",
			Output: "GROUP  TOPIC    PARTITION  FROM  TO\nheat   numbers  0          7     0\nlogpipe group reset: nothing was changed: --execute does it\n" +
				"GROUP  TOPIC    PARTITION  FROM  TO\nheat   numbers  0          7     0\n1\n",
		}, {
			Note:    "the last two once more",
			Command: read + "logpipe group reset heat --shift -2 --execute; logpipe consume numbers -g heat -n 1'",
			Output:  "GROUP  TOPIC    PARTITION  FROM  TO\nheat   numbers  0          7     5\n6\n",
		}},
		"group delete": {{
			Command: read + "logpipe group delete heat; logpipe group list' 2>&1",
			Output:  "logpipe group delete: deleted group \"heat\"\n",
		}},
	}
}
