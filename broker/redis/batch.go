package redis

import (
	"context"
	"slices"
	"strconv"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/lua"
	"github.com/nex-gen-tech/jobsy/task"
)

// maxBatchBytes bounds what one batch puts on the wire and into a script, so
// that large payloads neither stall the server nor fill its buffers.
const maxBatchBytes = 4 << 20

// item is one element of a batch: the arguments of one task or outcome.
type item struct {
	queue string
	id    uuid.UUID
	args  []any
	also  []any // what follows its position behind the arguments of all items
	size  int
}

// batcher gathers items and sends them with one script, one call a queue, all
// in one round trip. The script answers with the positions of those it refused.
type batcher struct {
	broker   *Broker
	script   script
	caller   string
	keys     func(k keys, caller string) []string
	refusal  func(uuid.UUID, remark) error
	doing    string
	news     bool // tells the script the channel for news
	counted  bool // tells the script how many items there are
	register bool // adds the queues to the set of queues
	calls    counter
	gatherer gatherer[item]
}

func newEnqueues(b *Broker) *batcher {
	s := &batcher{
		broker: b, script: newScript(lua.Enqueue()), caller: b.instance + ":e", keys: keys.enqueue,
		doing: "enqueue to redis", register: true, counted: true, refusal: notEnqueued,
	}
	s.gatherer = gatherer[item]{send: s.send, fits: fits, lanes: 2}
	return s
}

func newSettles(b *Broker) *batcher {
	s := &batcher{
		broker: b, script: newScript(lua.Settle()), caller: b.instance + ":s", keys: keys.settle,
		doing: "settle in redis", news: true, counted: true,
		refusal: func(uuid.UUID, remark) error { return task.ErrLeaseLost },
	}
	s.gatherer = gatherer[item]{send: s.send, fits: fits}
	return s
}

func newRevisions(b *Broker) *batcher {
	s := &batcher{
		broker: b, script: reviseScript, caller: b.instance + ":r", keys: keys.revise,
		doing: "revise tasks in redis", news: true, refusal: notRevised,
	}
	few := func(n, bytes int) bool { return n <= revisedAtOnce && fits(n, bytes) }
	s.gatherer = gatherer[item]{send: s.send, fits: few}
	return s
}

func (s *batcher) close() { s.gatherer.close() }

// do sends the items in as few batches as the bounds allow.
func (s *batcher) do(ctx context.Context, items []item) []error {
	errs := make([]error, len(items))
	for start := 0; start < len(items); {
		n, bytes := chunk(items[start:])
		copy(errs[start:], s.gatherer.do(ctx, items[start:start+n], bytes))
		start += n
	}
	return orNil(errs)
}

// chunk returns how many of the items, at least one, may travel together, and
// how large they are.
func chunk(items []item) (n, bytes int) {
	for _, it := range items {
		if !fits(n+1, bytes+it.size) {
			break
		}
		n, bytes = n+1, bytes+it.size
	}
	return n, bytes
}

// fits reports whether that much may travel in one batch.
func fits(n, bytes int) bool {
	return n == 1 || n <= broker.MaxBatch && bytes <= maxBatchBytes
}

// send makes one call a queue. The calls of one batch share a number, for each
// queue remembers its own.
func (s *batcher) send(lane int, items []item) []error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := s.broker.server.check(ctx, s.broker); err != nil {
		return all(len(items), err)
	}
	queues, members := byQueue(items)
	number, caller := s.calls.next(), s.caller
	if lane > 0 { // a queue remembers one call of each caller
		caller += strconv.Itoa(lane)
	}
	calls := make([]scriptCall, len(queues))
	for i, queue := range queues {
		k := s.broker.keys(queue)
		calls[i] = scriptCall{s.keys(k, caller), s.args(number, k, items, members[queue])}
	}
	var also *naming
	if s.register {
		also = s.broker.registry.name(ctx, s.broker, queues)
	}
	var cmds []*goredis.Cmd
	waits := make([]error, len(calls))
	if durable := &s.broker.durable; s.register && durable.asked() {
		cmds, waits = s.script.runDurably(ctx, s.broker.client, calls, also, durable)
	} else {
		cmds = s.script.runAll(ctx, s.broker.client, calls, also)
	}

	errs := make([]error, len(items))
	for i, queue := range queues {
		late := wrap(s.doing, waits[i])
		for _, at := range members[queue] {
			errs[at] = late
		}
		judge(cmds[i], s.doing, members[queue], errs, func(at int, r remark) error {
			err := s.refusal(items[at].id, r)
			if joined, ok := err.(*joinedError); ok {
				joined.also = late
			}
			return err
		})
	}
	return orNil(errs)
}

// args returns the arguments of one queue's call.
func (s *batcher) args(number string, k keys, items []item, members []int) []any {
	args := []any{number, replyMemory.Milliseconds()}
	if s.news {
		args = append(args, k.news())
	}
	if s.counted {
		args = append(args, len(members))
	}
	for _, at := range members {
		args = append(args, items[at].args...)
	}
	for position, at := range members {
		if also := items[at].also; also != nil {
			args = append(append(args, position+1), also...)
		}
	}
	return args
}

// byQueue returns the queues in the order of their first item, and the
// positions of each one's items.
func byQueue(items []item) (queues []string, members map[string][]int) {
	members = make(map[string][]int, 1)
	for i, it := range items {
		if members[it.queue] == nil {
			queues = append(queues, it.queue)
		}
		members[it.queue] = append(members[it.queue], i)
	}
	return queues, members
}

// judge adds to errs, one entry an item, what the reply says of one queue's
// items: at holds their positions.
func judge(cmd *goredis.Cmd, doing string, at []int, errs []error, refusal func(int, remark) error) {
	reply, err := cmd.Result()
	var said []remark
	if err == nil {
		said, err = remarks(reply)
	}
	if err != nil {
		for _, i := range at {
			errs[i] = wrap(doing, err)
		}
		return
	}
	for _, r := range said {
		if r.position < 1 || r.position > len(at) {
			continue
		}
		i := at[r.position-1]
		errs[i] = refusal(i, r)
	}
}

// orNil returns nil if all went well.
func orNil(errs []error) []error {
	if slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		return errs
	}
	return nil
}
