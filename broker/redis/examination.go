package redis

import (
	"context"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

// examination is that of one queue.
type examination struct {
	doctor
	queue  string
	k      keys
	types  map[string]string // of the keys, by their names
	leased map[string]int    // how many leases of an id were seen
	top    int64             // the greatest number seen in use
	known  map[Finding]bool  // what was found, but for its details
	found  []Finding
}

func newExamination(d doctor, queue string) *examination {
	return &examination{
		doctor: d, queue: queue, k: d.keys(queue),
		leased: make(map[string]int), known: make(map[Finding]bool),
	}
}

func (e *examination) report(key, id string, kind Kind, detail string) {
	f := Finding{Queue: e.queue, Key: key, ID: id, Kind: kind}
	if kind == "" || e.known[f] {
		return
	}
	e.known[f] = true
	f.Detail = detail
	e.found = append(e.found, f)
}

// typesOf has the type of each key of a queue, by its name.
var typesOf = map[string]string{
	"tasks": "hash", "pending": "zset", "scheduled": "zset", "retrying": "zset", "running": "zset",
	"completed": "zset", "failed": "zset", "cancelled": "zset", "seq": "string", "arrivals": "string", "wake": "zset",
	"schedules": "hash", "locks": "hash", "lapses": "zset", "cancelling": "hash", "progress": "hash",
	"waited": "zset", "paused": "string", "dropped": "hash", "plans": "hash", "halted": "set",
}

// taskKeys are the names of those that the examine script reads.
var taskKeys = []string{"tasks", "pending", "scheduled", "retrying", "completed", "failed", "cancelled", "running"}

func (e *examination) run(ctx context.Context) error {
	if err := e.checkTypes(ctx); err != nil {
		return err
	}
	if err := e.checkSchedules(ctx); err != nil || !e.sound(taskKeys...) {
		return err
	}
	if err := e.all(ctx, e.checkLeases, e.checkRecords, e.checkSets, e.checkNumber); err != nil {
		return err
	}
	if !e.sound("seq", "wake", "locks", "lapses", "cancelling", "progress") {
		return nil // what follows needs them
	}
	return e.all(ctx, e.checkHeld, e.checkLocks, e.checkLapses, e.checkMarks, e.checkWake)
}

func (e *examination) all(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// checkTypes looks at the types of all keys. Nothing that works changes one.
func (e *examination) checkTypes(ctx context.Context) error {
	cmds := make(map[string]*goredis.StatusCmd, len(typesOf))
	_, err := e.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for name := range typesOf {
			cmds[name] = p.Type(ctx, e.k.base+name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	e.types = make(map[string]string)
	for name, cmd := range cmds {
		e.types[name] = cmd.Val()
		if !e.sound(name) {
			e.report(e.k.base+name, "", KindBadType, "it is a "+cmd.Val()+", not a "+typesOf[name])
		}
	}
	return nil
}

// sound reports whether the keys of these names have their types or are not there.
func (e *examination) sound(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		return e.types[name] != "none" && e.types[name] != typesOf[name]
	})
}

// pairs reads a hash or a sorted set, page by page: field and value, or member
// and score.
func (e *examination) pairs(ctx context.Context, key string, page func([][2]string) error) error {
	scan := e.client.HScan
	if typesOf[key[len(e.k.base):]] == "zset" {
		scan = e.client.ZScan
	}
	for cursor := uint64(0); ; {
		flat, next, err := scan(ctx, key, cursor, "", examinedAtOnce).Result()
		if err != nil {
			return err
		}
		var found [][2]string
		for i := 0; i+1 < len(flat); i += 2 {
			found = append(found, [2]string{flat[i], flat[i+1]})
		}
		slices.SortStableFunc(found, byName) // a page may repeat itself
		found = slices.CompactFunc(found, func(a, b [2]string) bool { return a[0] == b[0] })
		for chunk := range slices.Chunk(found, examinedAtOnce) {
			if err := page(chunk); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func byName(a, b [2]string) int { return strings.Compare(a[0], b[0]) }

// each is pairs, one by one.
func (e *examination) each(ctx context.Context, key string, see func(name, value string) error) error {
	return e.pairs(ctx, key, func(page [][2]string) error {
		for _, pair := range page {
			if err := see(pair[0], pair[1]); err != nil {
				return err
			}
		}
		return nil
	})
}

var leasePattern = regexp.MustCompile(`(?s)^(.*)\|[0-9]+\|[0-9]+$`)

// leasedID returns the id in a lease, as the scripts do.
func leasedID(member string) string {
	if parts := leasePattern.FindStringSubmatch(member); parts != nil {
		return parts[1]
	}
	return member[:min(len(member), idLength)]
}

func (e *examination) checkLeases(ctx context.Context) error {
	return e.each(ctx, e.k.running(), func(member, score string) error {
		l, ok := parseMember(member)
		e.leased[leasedID(member)]++
		if ok {
			e.top = max(e.top, l.Token)
		} else if goodID(leasedID(member)) {
			e.report(e.k.running(), member, KindBadID, "it is no lease")
		}
		e.checkScore(e.k.running(), member, score)
		return nil
	})
}

// checkRecords looks for the state of each record.
func (e *examination) checkRecords(ctx context.Context) error {
	return e.pairs(ctx, e.k.tasks(), func(page [][2]string) error {
		ids := names(page)
		stands, _, err := e.look(ctx, e.k, ids, false, false)
		if err != nil {
			return err
		}
		var suspects []string
		for i, s := range stands {
			s.record = page[i][1]
			s.where += strings.Repeat(string(leasePlace), e.leased[ids[i]])
			if kind, _ := diagnose(e.queue, ids[i], s); kind != "" {
				suspects = append(suspects, ids[i])
			}
		}
		return e.confirm(ctx, e.k.tasks(), suspects)
	})
}

func names(page [][2]string) []string {
	ids := make([]string, len(page))
	for i, pair := range page {
		ids[i] = pair[0]
	}
	return ids
}

// confirm judges ids again, at one moment, and reports what is still broken.
func (e *examination) confirm(ctx context.Context, key string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	stands, complete, err := e.look(ctx, e.k, ids, true, true)
	if err == nil && !complete {
		stands, err = e.watch(ctx, ids)
	}
	if err != nil {
		return err
	}
	for i, s := range stands {
		kind, detail := diagnose(e.queue, ids[i], s)
		at := key
		if kind == KindTwoStates || kind == KindNoState || kind == KindBadRecord {
			at = e.k.tasks()
		}
		e.report(at, ids[i], kind, detail)
	}
	return nil
}

// watch judges ids where there are too many leases to be read at one moment: what
// looks broken several times in a row is. What once does not stands nowhere in its
// answer.
func (e *examination) watch(ctx context.Context, ids []string) ([]stand, error) {
	var stands []stand
	fine := make([]bool, len(ids))
	for range sightings {
		leases, err := e.leasesOf(ctx, ids)
		if err != nil {
			return nil, err
		}
		if stands, _, err = e.look(ctx, e.k, ids, false, true); err != nil {
			return nil, err
		}
		for i, id := range ids {
			for range leases[id] {
				stands[i].where += string(leasePlace)
			}
			kind, _ := diagnose(e.queue, id, stands[i])
			fine[i] = fine[i] || kind == ""
		}
		if !slices.Contains(fine, false) {
			break
		}
	}
	for i := range stands {
		if fine[i] {
			stands[i] = stand{}
		}
	}
	return stands, nil
}

// leasesOf returns the leases of ids that there were all the while.
func (e *examination) leasesOf(ctx context.Context, ids []string) (map[string]map[string]bool, error) {
	leases := make(map[string]map[string]bool, len(ids))
	for _, id := range ids {
		leases[id] = make(map[string]bool)
	}
	err := e.each(ctx, e.k.running(), func(member, _ string) error {
		if of := leases[leasedID(member)]; of != nil {
			of[member] = true
		}
		return nil
	})
	return leases, err
}

// checkSets looks for the record of what is in each set.
func (e *examination) checkSets(ctx context.Context) error {
	for _, name := range taskKeys[1:] {
		key := e.k.base + name
		err := e.pairs(ctx, key, func(page [][2]string) error { return e.checkMembers(ctx, key, page) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *examination) checkMembers(ctx context.Context, key string, page [][2]string) error {
	ids := names(page)
	if key == e.k.running() {
		for i := range ids {
			ids[i] = leasedID(ids[i])
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
	} else {
		for _, pair := range page {
			e.checkScore(key, pair[0], pair[1])
		}
	}
	stands, _, err := e.look(ctx, e.k, ids, false, false)
	if err != nil {
		return err
	}
	var suspects []string
	for i, s := range stands {
		elsewhere := key == e.k.running() && s.places() != ""
		if !s.recorded() || !goodID(ids[i]) || elsewhere {
			suspects = append(suspects, ids[i])
		}
	}
	return e.confirm(ctx, key, suspects)
}

const (
	// sequences is one more than the greatest number in a pending score.
	sequences = 1 << 45
	// held is the score from which on a task waits for another one's end.
	held = (sequences - 1) * 256
)

// checkScore looks at the score of a member. Scripts write none that cannot be.
func (e *examination) checkScore(key, member, text string) {
	score, err := strconv.ParseFloat(text, 64)
	most := math.MaxFloat64
	switch key {
	case e.k.pending():
		most = 255*sequences - 1
		if score >= 0 && score <= most {
			e.top = max(e.top, int64(score)%sequences)
		}
	case e.k.scheduled(), e.k.retrying():
		most = held + 255
	}
	if err != nil || score < 0 || score > most || score != math.Floor(score) {
		e.report(key, member, KindBadScore, "its score is "+text)
	}
}

// checkNumber looks at the counter. It was read after the numbers in use, and
// only grows.
func (e *examination) checkNumber(ctx context.Context) error {
	text, err := e.client.Get(ctx, e.k.seq()).Result()
	if err != nil && err != goredis.Nil {
		if !e.sound("seq") {
			return nil
		}
		return err
	}
	number, errNumber := strconv.ParseInt(text, 10, 64)
	if text != "" && errNumber != nil {
		e.types["seq"] = "text" // no script can use it
	}
	if text != "" && errNumber != nil || number < e.top {
		e.report(e.k.seq(), strconv.FormatInt(e.top, 10), KindBadNumber, "it is "+strconv.Quote(text))
	}
	return nil
}

// checkHeld looks at the tasks that wait for another one's end.
func (e *examination) checkHeld(ctx context.Context) error {
	for start := int64(0); ; start += broker.MaxBatch {
		by := &goredis.ZRangeBy{Min: strconv.Itoa(held), Max: "+inf", Offset: start, Count: broker.MaxBatch}
		ids, err := e.client.ZRangeByScore(ctx, e.k.scheduled(), by).Result()
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			args, err := e.holding(ctx, e.k, id)
			if err != nil {
				return err
			}
			if err := e.suspect(ctx, e.k.scheduled(), id, KindStuck, "it waits for a task that does not know of it", "held", args...); err != nil {
				return err
			}
		}
	}
}

// holding are the arguments of the mend script on a task that waits for another
// one's end.
func (d doctor) holding(ctx context.Context, k keys, id string) ([]any, error) {
	kept, err := d.client.HGet(ctx, k.tasks(), id).Result()
	if err != nil && err != goredis.Nil {
		return nil, err
	}
	decoded, _ := decodeID(id)
	t, err := record.Decode(kept, decoded)
	if err != nil {
		t = new(task.Task) // nothing that it waits for
	}
	return []any{id, digestOf(kept), broker.LockKey(t)}, nil
}

// suspect reports a finding if the mend script agrees.
func (e *examination) suspect(ctx context.Context, key, id string, kind Kind, detail, operation string, args ...any) error {
	said, err := e.mend(ctx, e.k, true, operation, args...)
	if err == nil && said == mended {
		e.report(key, id, kind, detail)
	}
	return err
}
