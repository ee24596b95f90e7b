package redis

import (
	"context"

	goredis "github.com/redis/go-redis/v9"
)

// refresher is a goredis.Hook that has a Cluster's client look again who serves
// which slot when a node does not answer. By itself it does so once a minute,
// and only a node that answers can redirect it: after a failover it would go on
// asking the dead one for all that time.
type refresher struct{ client *goredis.ClusterClient }

// refreshed adds a refresher to a client of a Cluster. That of a node notices
// what fails before the client has repeated it in vain; the other is for nodes
// that the client has already.
func refreshed(client goredis.UniversalClient) {
	if cluster, ok := client.(*goredis.ClusterClient); ok {
		cluster.OnNewNode(func(node *goredis.Client) { node.AddHook(refresher{cluster}) })
		cluster.AddHook(refresher{cluster})
	}
}

func (r refresher) notice(ctx context.Context, err error) error {
	if err != nil && unavailable(err) {
		r.client.ReloadState(ctx) // in the background, and not more often than it helps
	}
	return err
}

func (refresher) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (r refresher) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error { return r.notice(ctx, next(ctx, cmd)) }
}

func (r refresher) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error { return r.notice(ctx, next(ctx, cmds)) }
}
