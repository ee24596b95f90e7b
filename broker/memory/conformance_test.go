package memory_test

import (
	"sync"
	"testing"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/brokertest"
	"github.com/nex-gen-tech/jobsy/broker/memory"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, brokertest.Harness{
		New:       func(testing.TB) broker.Broker { return memory.New(nil) },
		Leftovers: func(_ testing.TB, b broker.Broker) []string { return b.(*memory.Broker).Leftovers() },
		Bounded: func(_ testing.TB, bounds broker.Bounds) broker.Broker {
			return memory.New(&memory.Options{Bounds: bounds})
		},
	})
}

func TestConformanceWithStorage(t *testing.T) {
	t.Parallel()
	var storages sync.Map // of *records, by their broker
	open := func(s *records) broker.Broker {
		b := memory.New(&memory.Options{Storage: s})
		storages.Store(b, s)
		return b
	}
	behind := func(b broker.Broker) *records {
		s, _ := storages.Load(b)
		return s.(*records)
	}
	brokertest.Run(t, brokertest.Harness{
		New: func(t testing.TB) broker.Broker { return open(newRecords(t)) },
		Restart: func(t testing.TB, b broker.Broker) broker.Broker {
			if err := b.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			return open(behind(b))
		},
		Leftovers: func(t testing.TB, b broker.Broker) []string {
			left := b.(*memory.Broker).Leftovers()
			stored, err := behind(b).LoadAllTasks()
			if err != nil {
				t.Errorf("LoadAllTasks: %v", err)
			}
			for _, task := range stored {
				left = append(left, "a record of task "+task.ID.String())
			}
			return left
		},
	})
}
