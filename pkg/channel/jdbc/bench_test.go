package jdbc

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// BenchmarkChannel moves events of 250 bytes through the channel, one source and
// one sink at the same time.
func BenchmarkChannel(b *testing.B) {
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprintf("sqlite/batch=%d", size), func(b *testing.B) {
			c := configure(b, inFolder(b.TempDir()))
			start(b, c)
			move(b, c, size)
		})
	}
	for name, start := range map[string]func(testing.TB) *logpipetest.SQLServer{
		"postgres": logpipetest.StartPostgres, "mariadb": logpipetest.StartMariaDB} {
		b.Run(name, func(b *testing.B) {
			s := start(b)
			b.Setenv(serverUser, s.User)
			b.Setenv(serverPassword, s.Password)
			for _, size := range []int{100, 1000} {
				b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
					c, said := onServer(b, s.URL, "")
					open(b, c, fmt.Sprint("c", size, os.Getpid()), said)
					move(b, c, size)
				})
			}
		})
	}
}

func move(b *testing.B, c *Channel, size int) {
	b.Cleanup(func() {
		if err := c.Close(); err != nil {
			b.Error(err)
		}
	})
	batch := make([]flume.Event, size)
	for i := range batch {
		batch[i] = flume.Event{Headers: flume.Headers{{Key: "host", Value: "web-1"}}, Body: bytes.Repeat([]byte("x"), 250)}
	}
	taken := make(chan error, 1)
	b.ResetTimer()
	go func() {
		for n := 0; n < b.N*size; {
			tx, err := c.Take(b.Context(), size)
			if err == nil {
				n += len(tx.Events())
				err = tx.Commit()
			}
			if err != nil {
				taken <- err
				return
			}
		}
		taken <- nil
	}()
	for range b.N {
		if err := c.Put(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := <-taken; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
}
