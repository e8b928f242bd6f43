package jdbc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// forEachServer runs a test with each kind of server.
func forEachServer(t *testing.T, test func(*testing.T, func(testing.TB) *logpipetest.SQLServer)) {
	t.Run("postgres", func(t *testing.T) { test(t, logpipetest.StartPostgres) })
	t.Run("mariadb", func(t *testing.T) { test(t, logpipetest.StartMariaDB) })
	t.Run("mysql", func(t *testing.T) { test(t, logpipetest.StartMySQL) })
}

// onServer makes a channel of a server; its name is that of the folder.
func onServer(t testing.TB, url, dir string, properties ...string) (*Channel, *console) {
	t.Helper()
	c := configure(t, append(properties, "driver.url="+url, "db.username="+os.Getenv(serverUser), "db.password="+os.Getenv(serverPassword))...)
	said := &console{}
	return c, said
}

// What the child of a test has to know.
const (
	serverURL      = "LOGPIPE_TEST_SQL_URL"
	serverUser     = "LOGPIPE_TEST_SQL_USER"
	serverPassword = "LOGPIPE_TEST_SQL_PASSWORD"
)

func setServer(t *testing.T, s *logpipetest.SQLServer) {
	t.Setenv(serverURL, s.URL)
	t.Setenv(serverUser, s.User)
	t.Setenv(serverPassword, s.Password)
}

func TestRealSuite(t *testing.T) {
	forEachServer(t, func(t *testing.T, startServer func(testing.TB) *logpipetest.SQLServer) {
		setServer(t, startServer(t))
		for _, connections := range []string{"1", "10"} {
			t.Run(connections+" connections", func(t *testing.T) {
				s := suite(nil)
				s.Open = func(t testing.TB, dir string, capacity, transaction int, wait time.Duration) flume.Channel {
					c, said := onServer(t, os.Getenv(serverURL), dir, "maximum.connections="+connections, fmt.Sprint("maximum.capacity=", capacity))
					c.batch, c.keepAlive = transaction, wait
					open(t, c, dir, said)
					return c
				}
				s.Run(t)
			})
		}
	})
}

func open(t testing.TB, c *Channel, name string, said *console) {
	t.Helper()
	if err := c.Open(flume.Env{Name: name, Logf: said.logf, Counters: &flume.Counters{}}); err != nil {
		t.Fatal(err)
	}
}

func TestRealKillPostgres(t *testing.T) { killOnServer(t, logpipetest.StartPostgres) }
func TestRealKillMariaDB(t *testing.T)  { killOnServer(t, logpipetest.StartMariaDB) }
func TestRealKillMySQL(t *testing.T)    { killOnServer(t, logpipetest.StartMySQL) }

func killOnServer(t *testing.T, startServer func(testing.TB) *logpipetest.SQLServer) {
	if os.Getenv(serverURL) == "" { // not the child
		setServer(t, startServer(t))
	}
	logpipetest.KillChannel(t, func(t testing.TB, dir string) flume.Channel {
		c, said := onServer(t, os.Getenv(serverURL), dir, "maximum.capacity=20000")
		c.batch = 100
		open(t, c, dir, said)
		// The server may not have seen the end of the one before.
		for !c.known() {
			time.Sleep(time.Millisecond)
		}
		return c
	})
}

// known reports whether the channel has its database.
func (c *Channel) known() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue.loaded
}

// TestRealGone kills the server while events move. Each arrives exactly once: what
// was in doubt is looked up.
func TestRealGone(t *testing.T) {
	forEachServer(t, func(t *testing.T, startServer func(testing.TB) *logpipetest.SQLServer) {
		s := startServer(t)
		setServer(t, s)
		c, said := onServer(t, s.URL, "gone")
		c.batch = 50
		open(t, c, "gone", said)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		stop := make(chan struct{})
		puts := make(chan int, 3)
		for source := range 3 {
			go func() {
				n := 0
				for ; ; n += 10 {
					select {
					case <-stop:
						puts <- n
						return
					default:
					}
					var batch []flume.Event
					for i := range 10 {
						batch = append(batch, flume.Event{Body: fmt.Appendf(nil, "%d %d", source, n+i)})
					}
					if err := c.Put(ctx, batch); err != nil {
						t.Error(err)
						puts <- n
						return
					}
				}
			}()
		}
		seen := map[string]int{}
		taken := make(chan struct{})
		go func() {
			defer close(taken)
			for {
				tx, err := c.Take(ctx, 20)
				if err != nil {
					if err != io.EOF {
						t.Error(err)
					}
					return
				}
				for _, e := range tx.Events() {
					seen[string(e.Body)]++
				}
				if err := tx.Commit(); err != nil {
					t.Log(err)
				}
			}
		}()
		for range 3 {
			time.Sleep(200 * time.Millisecond) // so that the server dies at work
			s.Kill(t)
			s.Start(t)
		}
		time.Sleep(200 * time.Millisecond)
		close(stop)
		all := <-puts + <-puts + <-puts
		c.Drain()
		<-taken
		again := 0
		for _, n := range seen {
			if n > 1 {
				again++
			}
		}
		if len(seen) != all || again > 0 || all == 0 {
			t.Errorf("%d events were put, %d came, %d of them again", all, len(seen), again)
		}
		text := said.text()
		if !strings.Contains(text, s.Address) || !strings.Contains(text, "works again") {
			t.Errorf("told:\n%s", text)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		next, said := onServer(t, s.URL, "gone")
		open(t, next, "gone", said)
		if n := next.Size(); n != 0 {
			t.Errorf("%d events are left", n)
		}
		if err := next.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("%d events", all)
	})
}

// TestRealOwner holds that a channel of a database has one agent at a time, and
// that others in the same database are in nobody's way.
func TestRealOwner(t *testing.T) {
	forEachServer(t, func(t *testing.T, startServer func(testing.TB) *logpipetest.SQLServer) {
		s := startServer(t)
		setServer(t, s)
		c, said := onServer(t, s.URL, "")
		open(t, c, "c1", said)
		upper, said := onServer(t, s.URL, "")
		open(t, upper, "C1", said)
		second, said := onServer(t, s.URL, "")
		err := second.Open(flume.Env{Name: "c1", Logf: said.logf})
		if err == nil || !strings.Contains(err.Error(), "in use by another agent") || !strings.Contains(fault.HintOf(err), "another name") {
			t.Errorf("a second agent with the channel: %v", err)
		}
		if err := c.Put(t.Context(), logpipetest.Events("a b")); err != nil {
			t.Fatal(err)
		}
		if upper.Size() != 0 || c.Size() != 2 {
			t.Errorf("sizes %d and %d", upper.Size(), c.Size())
		}
		for _, c := range []*Channel{c, upper} {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		third, said := onServer(t, s.URL, "", "create.schema=false")
		open(t, third, "c1", said)
		if third.Size() != 2 {
			t.Errorf("size %d", third.Size())
		}
		if err := third.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestRealMeanwhile lets another agent have the channel while the connection of
// the first one is gone. The first one then reads anew what is there.
func TestRealMeanwhile(t *testing.T) {
	forEachServer(t, func(t *testing.T, startServer func(testing.TB) *logpipetest.SQLServer) {
		s := startServer(t)
		setServer(t, s)
		first, said := onServer(t, s.URL, "")
		open(t, first, "c1", said)
		if err := first.Put(t.Context(), logpipetest.Events("a b")); err != nil {
			t.Fatal(err)
		}
		tx, err := first.Take(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		s.Kill(t)
		s.Start(t)
		second, said := onServer(t, s.URL, "")
		open(t, second, "c1", said)
		if got := takeAll(t, second, 2); got != "a b" {
			t.Errorf("the second agent took %s", got)
		}
		if err := second.Put(t.Context(), logpipetest.Events("y z")); err != nil {
			t.Fatal(err)
		}
		if err := second.Close(); err != nil {
			t.Fatal(err)
		}
		// The id of a is now that of y.
		if err := tx.Commit(); err == nil || !strings.Contains(err.Error(), "another agent had the channel") {
			t.Errorf("a take of before: %v", err)
		}
		if err := first.Put(t.Context(), logpipetest.Events("c")); err != nil {
			t.Fatal(err)
		}
		if got := takeAll(t, first, 3); got != "y z c" {
			t.Errorf("the first agent took %s", got)
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
	})
}

// takeAll takes so many events, one by one.
func takeAll(t *testing.T, c *Channel, n int) string {
	t.Helper()
	var all []string
	for range n {
		tx, err := c.Take(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(tx.Events()[0].Body))
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(all, " ")
}

// TestRealLarge holds that large events go through, and that one that is too large
// for the server is refused and stops nobody.
func TestRealLarge(t *testing.T) {
	t.Run("mariadb", func(t *testing.T) { largeEvents(t, logpipetest.StartMariaDB(t)) })
	t.Run("mysql", func(t *testing.T) { largeEvents(t, logpipetest.StartMySQL(t)) })
}

func largeEvents(t *testing.T, s *logpipetest.SQLServer) {
	setServer(t, s)
	c, said := onServer(t, s.URL, "")
	open(t, c, "c1", said)
	body := make([]byte, 10<<20) // in a statement twice as long
	if err := c.Put(t.Context(), []flume.Event{{Body: body}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(t.Context(), []flume.Event{{Body: make([]byte, 20<<20)}}); err == nil || !strings.Contains(err.Error(), "larger than the database takes") {
		t.Errorf("20 MiB, and the server takes 16: %v", err)
	}
	if got := takeAll(t, c, 1); got != string(body) {
		t.Error("the large event is not what was put")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestRealRefused holds that what a retry cannot mend is an error at once, and
// that a server that is not there yet is waited for.
func TestRealRefused(t *testing.T) {
	forEachServer(t, func(t *testing.T, startServer func(testing.TB) *logpipetest.SQLServer) {
		s := startServer(t)
		setServer(t, s)
		none, said := onServer(t, s.URL, "", "create.schema=false")
		err := none.Open(flume.Env{Name: "c1", Logf: said.logf})
		if err == nil || !strings.Contains(err.Error(), "create.schema is false") || !strings.Contains(fault.HintOf(err), "CREATE TABLE") {
			t.Errorf("no tables: %v", err)
		}
		wrong, said := onServer(t, s.URL, "", "db.password=wrong")
		wrong.password = "wrong"
		if err := wrong.Open(flume.Env{Name: "c1", Logf: said.logf}); err == nil || !strings.Contains(err.Error(), s.Address) {
			t.Errorf("a wrong password: %v", err)
		}
		s.Kill(t)
		c, said := onServer(t, s.URL, "")
		open(t, c, "c1", said)
		if text := said.text(); !strings.Contains(text, "waits for the database") || !strings.Contains(text, s.Address) {
			t.Errorf("told %s", text)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := c.Put(ctx, logpipetest.Events("lost")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a put that is given up: %v", err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Put(t.Context(), logpipetest.Events("a")) }()
		s.Start(t)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		tx, err := c.Take(t.Context(), 5)
		if err != nil || len(tx.Events()) != 1 || string(tx.Events()[0].Body) != "a" {
			t.Fatal("the put that was given up is there: ", err)
		}
		s.Kill(t)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
