package kafka

import "time"

// patience is how long a broker may take for an answer before that is worth a
// word: it mostly answers within milliseconds.
const patience = 2 * time.Second

// going is since when attempts fail; ok is false where none does, or not for so
// long that it may be an election.
func (o *outage) going() (since time.Time, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.since, !o.since.IsZero() && time.Since(o.since) >= tellAfter && time.Since(o.last) < apart
}

// Trouble says what keeps records from being acknowledged at the moment, while
// the producer goes on trying; "" = nothing. It asks nobody: what is known is what
// the last attempts have shown.
func (p *Producer) Trouble() string {
	if since, ok := p.conn.outage.going(); ok {
		return noAnswer(since)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open > 0 && time.Since(p.moving) > patience {
		return noAnswer(p.moving)
	}
	return ""
}

// Trouble says what keeps records from being read at the moment, while the
// consumer goes on trying; "" = nothing.
func (c *Consumer) Trouble() string {
	if since, ok := c.conn.outage.going(); ok {
		return noAnswer(since)
	}
	return ""
}

func noAnswer(since time.Time) string {
	return "no answer from the brokers since " + since.Format(time.TimeOnly)
}
