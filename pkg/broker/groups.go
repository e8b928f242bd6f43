package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/logpipe/logpipe/pkg/folder"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kfake forgets a group that is deleted, and notes that at its end alone. So it is
// noted in kfake's log of groups here, before: with the deletion of each offset, and
// with a state of the group by which all of it goes after a kill. kfake keeps that
// where it compacts its log, as the last state.
const (
	stateType = "meta"
	goneState = "gone"
)

// groupEntry is an entry of kfake's log of groups, as far as it matters here.
type groupEntry struct {
	Type   string `json:"type"`
	Group  string `json:"g"`
	Topic  string `json:"t,omitempty"`
	Number int32  `json:"p,omitempty"`
	State  string `json:"typ,omitempty"` // kfake's are types of groups
}

// keepDeletedGroups notes the groups that a request is about to delete. It runs while
// kfake handles no other request.
func (b *Broker) keepDeletedGroups(req kmsg.Request) kmsg.Response {
	r, ok := req.(*kmsg.DeleteGroupsRequest)
	if !ok {
		return nil
	}
	var entries [][]byte
	for _, name := range r.Groups {
		if b.cluster.CurrentNode() != b.cluster.CoordinatorFor(name) {
			continue // kfake refuses it
		}
		more, err := b.groupEnd(name)
		if err != nil {
			return b.refuseDelete(r, err)
		}
		entries = append(entries, more...)
	}
	if len(entries) == 0 {
		return nil
	}
	if err := b.addToLog(filepath.Join(b.dir, groupsName), entries); err != nil {
		b.fail(err) // a part may stand there, and what kfake writes behind it would not be read
		return b.refuseDelete(r, err)
	}
	return nil
}

// groupEnd is what to note of a group that kfake will delete; nothing where it will
// not, for it has members or is not there.
func (b *Broker) groupEnd(name string) ([][]byte, error) {
	const empty = "Empty"
	info := b.cluster.GroupInfo(name)
	if info == nil || info.State != empty {
		return nil, nil
	}
	var list []groupEntry
	for _, topic := range slices.Sorted(maps.Keys(info.Commits)) {
		for _, p := range slices.Sorted(maps.Keys(info.Commits[topic])) {
			list = append(list, groupEntry{Type: "delete", Group: name, Topic: topic, Number: p})
		}
	}
	list = append(list, groupEntry{Type: stateType, Group: name, State: goneState})
	var entries [][]byte
	for _, e := range list {
		text, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		entries = append(entries, text)
	}
	return entries, nil
}

// addToLog writes at the end of a log that kfake writes too, each entry at once.
func (b *Broker) addToLog(name string, entries [][]byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(logText(entries))
	if err == nil && b.sync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (b *Broker) refuseDelete(r *kmsg.DeleteGroupsRequest, err error) kmsg.Response {
	b.log.Warn("groups are not deleted", "error", err)
	resp := r.ResponseKind().(*kmsg.DeleteGroupsResponse)
	for _, name := range r.Groups {
		out := kmsg.NewDeleteGroupsResponseGroup()
		out.Group, out.ErrorCode = name, kerr.UnknownServerError.Code
		resp.Groups = append(resp.Groups, out)
	}
	return resp
}

// mendGroups takes what was deleted out of the log of groups, and what was cut off
// at its end: kfake would write behind that, and not find it again.
func mendGroups(dir string) error {
	l, err := readLog(filepath.Join(dir, groupsName))
	if err != nil {
		return err
	}
	kept := withoutGone(l.entries)
	if len(kept) == len(l.entries) {
		return l.add(nil)
	}
	if err := folder.Replace(l.name, logText(kept), true); err != nil {
		return fmt.Errorf("take deleted groups away: %w", err)
	}
	return nil
}

// withoutGone leaves out what was noted of groups before they were deleted.
func withoutGone(entries [][]byte) [][]byte {
	gone := map[string]bool{}
	var kept [][]byte
	for _, text := range slices.Backward(entries) {
		var e groupEntry
		if json.Unmarshal(text, &e) == nil {
			if e.Type == stateType && e.State == goneState {
				gone[e.Group] = true
			}
			if gone[e.Group] {
				continue
			}
		}
		kept = append(kept, text)
	}
	slices.Reverse(kept)
	return kept
}
