package kafka

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/IBM/sarama"
)

// aborted tells which batches of an answer belong to transactions that were
// aborted (KIP-98). nil skips none but the markers.
type aborted struct {
	ahead []*sarama.AbortedTransaction // by their first offset
	open  map[int64]bool               // producers within such a transaction
}

func abortedIn(block *sarama.FetchResponseBlock) *aborted {
	if len(block.AbortedTransactions) == 0 {
		return nil
	}
	list := slices.SortedFunc(slices.Values(block.AbortedTransactions), func(a, b *sarama.AbortedTransaction) int {
		return cmp.Compare(a.FirstOffset, b.FirstOffset)
	})
	return &aborted{list, map[int64]bool{}}
}

// skips tells whether a batch, the next one of its partition, holds no records
// for readers.
func (t *aborted) skips(b *sarama.RecordBatch) bool {
	if t == nil {
		return b.Control
	}
	for len(t.ahead) > 0 && t.ahead[0].FirstOffset <= b.LastOffset() {
		t.open[t.ahead[0].ProducerID] = true
		t.ahead = t.ahead[1:]
	}
	if b.Control {
		if abortMarker(b) {
			delete(t.open, b.ProducerID)
		}
		return true
	}
	return b.IsTransactional && t.open[b.ProducerID]
}

// abortMarker tells whether a control batch ends a transaction that was aborted:
// its record's key is a version and a type, 0 for that.
func abortMarker(b *sarama.RecordBatch) bool {
	return len(b.Records) > 0 && len(b.Records[0].Key) >= 4 && binary.BigEndian.Uint16(b.Records[0].Key[2:]) == 0
}

// stableEnd is where the records end that are decided: the first one of an open
// transaction, or the end of the partition.
func (c *conn) stableEnd(ctx context.Context, p part) (int64, error) {
	n, err := retry(ctx, c, func() (int64, error) {
		n, err := c.askStableEnd(p)
		if err != nil && passing(err) {
			err = errors.Join(err, c.client.RefreshMetadata(p.topic))
		}
		return n, err
	})
	if err != nil {
		return 0, explain(err, p.topic)
	}
	return n, nil
}

func (c *conn) askStableEnd(p part) (int64, error) {
	leader, err := c.client.Leader(p.topic, p.id)
	if err != nil {
		return 0, err
	}
	req := sarama.NewOffsetRequest(c.client.Config().Version)
	req.IsolationLevel = sarama.ReadCommitted
	req.AddBlock(p.topic, p.id, sarama.OffsetNewest, 1)
	resp, err := leader.GetAvailableOffsets(req)
	if err != nil {
		leader.Close() // the next attempt opens it again
		return 0, err
	}
	block := resp.GetBlock(p.topic, p.id)
	if block == nil {
		return 0, sarama.ErrIncompleteResponse
	}
	if block.Err != sarama.ErrNoError {
		return 0, block.Err
	}
	return block.Offset, nil
}
