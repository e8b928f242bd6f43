package catalog

import (
	"errors"
	"testing"

	"github.com/logpipe/logpipe/pkg/kafka"
)

// What a broker has refused is dealt with only where somebody keeps it.
func TestRefusedIsUndelivered(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		p := &produced{sink: &produceSink{produceBuilder: &produceBuilder{}}, keeps: keeps}
		if err := p.undelivered(); err != nil {
			t.Fatalf("nothing was refused: %v", err)
		}
		p.refused(&awaited{}, 0, kafka.Record{Value: []byte("x")}, errors.New("no key"))
		p.Refused()
		if err := p.undelivered(); (err == nil) != keeps {
			t.Errorf("kept %v: %v", keeps, err)
		}
	}
}
