package redis

import (
	"context"
	"slices"
	"strconv"
	"time"

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
	counted  bool // tells the script how many items there are, and can ask it
	register bool // adds the queues to the set of queues
	calls    counter
	lanes    []lane
	lost     lostCalls
	gatherer gatherer[item]
}

// lane is the name under which one lane of the gatherer makes its calls. A queue
// remembers one call of each.
type lane struct {
	caller string
	lost   int        // how many names it has given away
	last   []lastCall // what its latest calls were
}

// lastCall is one that was answered, and where its items were in their batch.
type lastCall struct {
	lostCall
	members []int
}

// name is that of the calls from now on.
func (l *lane) name() string {
	if l.lost == 0 {
		return l.caller
	}
	return l.caller + "." + strconv.Itoa(l.lost)
}

func newEnqueues(b *Broker) *batcher {
	s := &batcher{
		broker: b, script: newScript(lua.Enqueue()), caller: b.instance + ":e", keys: keys.enqueue,
		doing: "enqueue to redis", register: true, counted: true, refusal: notEnqueued,
	}
	s.open(fits, 2)
	return s
}

func newSettles(b *Broker) *batcher {
	s := &batcher{
		broker: b, script: newScript(lua.Settle()), caller: b.instance + ":s", keys: keys.settle,
		doing: "settle in redis", news: true, counted: true,
		refusal: func(uuid.UUID, remark) error { return task.ErrLeaseLost },
	}
	s.open(fits, 1)
	return s
}

func newRevisions(b *Broker) *batcher {
	s := &batcher{
		broker: b, script: reviseScript, caller: b.instance + ":r", keys: keys.revise,
		doing: "revise tasks in redis", news: true, refusal: notRevised,
	}
	few := func(n, bytes int) bool { return n <= revisedAtOnce && fits(n, bytes) }
	s.open(few, 1)
	return s
}

func (s *batcher) open(fits func(n, bytes int) bool, lanes int) {
	s.gatherer = gatherer[item]{send: s.send, missed: s.missed, fits: fits, lanes: lanes}
	for i := range lanes {
		s.lanes = append(s.lanes, lane{caller: s.caller + strconv.Itoa(i)})
	}
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

// send makes one call a queue, of what has not been answered yet.
func (s *batcher) send(lane int, items []item) []error {
	s.lanes[lane].last = s.lanes[lane].last[:0]
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := s.broker.server.check(ctx, s.broker); err != nil {
		return all(len(items), err)
	}
	errs := make([]error, len(items))
	answered := s.ask(ctx, items, errs)
	if queues, members := byQueue(items, answered); len(queues) > 0 {
		s.call(ctx, &s.lanes[lane], items, queues, members, errs)
	}
	return orNil(errs)
}

// missed keeps the answers for callers that have left, and may come back.
func (s *batcher) missed(at int, items []item, missed []int) {
	lane := &s.lanes[at]
	for _, last := range lane.last {
		of := slices.Repeat([]int{-1}, len(last.members))
		for position, i := range last.members {
			if _, found := slices.BinarySearch(missed, i); found {
				of[position] = i
			}
		}
		s.lost.add(last.lostCall, items, of)
	}
	if len(lane.last) > 0 {
		lane.lost++
	}
}

// call makes the calls of one batch. They share a number, for each queue remembers
// its own.
func (s *batcher) call(ctx context.Context, lane *lane, items []item, queues []string, members map[string][]int, errs []error) {
	begun, number, caller := time.Now(), s.calls.next(), lane.name()
	calls := make([]scriptCall, len(queues))
	for i, queue := range queues {
		k := s.broker.keys(queue)
		calls[i] = scriptCall{s.keys(k, caller), s.args(number, k, items, members[queue])}
	}
	var also *naming
	if s.register {
		also = s.broker.registry.name(ctx, s.broker, queues)
	}
	cmds, late := s.run(ctx, calls, also)
	lost := false
	for i, queue := range queues {
		s.judge(cmds[i], late[i], items, members[queue], errs)
		this := lostCall{queue: queue, caller: caller, number: number, begun: begun}
		switch {
		case !s.counted: // nobody can ask
		case unavailable(cmds[i].Err()):
			lost = true
			s.lost.add(this, items, members[queue])
		default:
			lane.last = append(lane.last, lastCall{this, members[queue]})
		}
	}
	if lost {
		lane.lost++
	}
}

// run makes calls in one round trip, and says for each whether what it has written
// is where it must be.
func (s *batcher) run(ctx context.Context, calls []scriptCall, also *naming) (cmds []*goredis.Cmd, late []error) {
	if durable := &s.broker.durable; s.register && durable.asked() {
		return s.script.runDurably(ctx, s.broker.client, calls, also, durable)
	}
	return s.script.runAll(ctx, s.broker.client, calls, also), make([]error, len(calls))
}

// judge is judge for the items of one call.
func (s *batcher) judge(cmd *goredis.Cmd, late error, items []item, at []int, errs []error) {
	late = wrap(s.doing, late)
	for _, i := range at {
		if i >= 0 {
			errs[i] = late
		}
	}
	judge(cmd, s.doing, at, errs, func(i int, r remark) error {
		return besides(s.refusal(items[i].id, r), late)
	})
}

// ask learns what became of items that were in a call without an answer, and
// returns which of them need not be sent, or nil.
func (s *batcher) ask(ctx context.Context, items []item, errs []error) (answered []bool) {
	lost := s.lost.find(items)
	if len(lost) == 0 {
		return nil
	}
	calls := make([]scriptCall, len(lost))
	for i, l := range lost {
		k := s.broker.keys(l.call.queue)
		calls[i] = scriptCall{s.keys(k, l.call.caller), s.args(l.call.number, k, nil, nil)}
	}
	cmds, late := s.run(ctx, calls, nil)
	answered = make([]bool, len(items))
	for i, l := range lost {
		if cmds[i].Val() == notMade {
			s.lost.drop(l.call)
			continue
		}
		s.judge(cmds[i], late[i], items, l.at, errs)
		for position, at := range l.at {
			if at < 0 {
				continue
			}
			answered[at] = true
			if cmds[i].Err() == nil {
				s.lost.forget(l.call, position)
			}
		}
	}
	return answered
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
// positions of each one's items, but for those that are answered.
func byQueue(items []item, answered []bool) (queues []string, members map[string][]int) {
	members = make(map[string][]int, 1)
	for i, it := range items {
		if answered != nil && answered[i] {
			continue
		}
		if members[it.queue] == nil {
			queues = append(queues, it.queue)
		}
		members[it.queue] = append(members[it.queue], i)
	}
	return queues, members
}

// judge adds to errs, one entry an item, what the reply says of one queue's
// items: at holds their positions, -1 for one that nobody asks about.
func judge(cmd *goredis.Cmd, doing string, at []int, errs []error, refusal func(int, remark) error) {
	reply, err := cmd.Result()
	var said []remark
	if err == nil {
		said, err = remarks(reply)
	}
	if err != nil {
		for _, i := range at {
			if i >= 0 {
				errs[i] = wrap(doing, err)
			}
		}
		return
	}
	for _, r := range said {
		if r.position < 1 || r.position > len(at) {
			continue
		}
		if i := at[r.position-1]; i >= 0 {
			errs[i] = refusal(i, r)
		}
	}
}

// orNil returns nil if all went well.
func orNil(errs []error) []error {
	if slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		return errs
	}
	return nil
}
