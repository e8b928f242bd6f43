package broker

import "github.com/twmb/franz-go/pkg/kversion"

// Keys of the requests that the wrapper limits, changes or answers.
const (
	keyMetadata                = 3
	keyListGroups              = 16
	keySASLHandshake           = 17
	keyAPIVersions             = 18
	keyCreateTopics            = 19
	keyDeleteTopics            = 20
	keyDeleteRecords           = 21
	keyLeaderEpoch             = 23
	keyAddPartitions           = 24
	keyAddOffsets              = 25
	keyEndTxn                  = 26
	keyTxnOffsets              = 28
	keyDescribeACLs            = 29
	keyCreateACLs              = 30
	keyDeleteACLs              = 31
	keyAlterConfigs            = 33
	keyAlterLogDirs            = 34
	keySASLAuthenticate        = 36
	keyCreatePartitions        = 37
	keyIncrementalAlter        = 44
	keyDeleteGroups            = 42
	keyReassign                = 45
	keyListReassignments       = 46
	keyDescribeClientQuotas    = 48
	keyAlterClientQuotas       = 49
	keyAlterSCRAM              = 51
	keyDescribeCluster         = 60
	keyDescribeTopicPartitions = 75
)

// versions are those of the newest Kafka, less what makes Java clients fail:
// kfake's answers to CreateTopics from version 5 on leave out the configuration
// that the client reads without a check, and so do its DescribeTopicPartitions.
// Requests that kfake takes and that would have no effect are left out, so that
// a tool says that the broker does not know them.
func versions() *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(keyCreateTopics, 4)
	for _, key := range []int16{
		keyDescribeTopicPartitions,
		keyAlterClientQuotas,
		keyDescribeACLs, keyCreateACLs, keyDeleteACLs, // nobody asks for them
		keyAlterSCRAM,                // the users of Login are known, and no others
		keyAlterLogDirs, keyReassign, // there is one log in one folder
	} {
		v.SetMaxKeyVersion(key, -1)
	}
	return v
}
