package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/broker/redis"
)

// store is a broker that tasks can be looked up in. Both of Jobsy's are.
type store interface {
	broker.Broker
	broker.Inspector
}

// openStore is all that differs between one process and several.
func openStore(ctx context.Context, address string) (store, error) {
	if address == inMemory {
		return memory.New(nil), nil
	}
	b, err := redis.Open(address, nil)
	if err != nil {
		return nil, fmt.Errorf("invalid value for flag -broker: %w; %w", err, errUsage)
	}
	if err := b.Ping(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}
