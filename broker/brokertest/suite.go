// Package brokertest is the conformance suite of package broker: it shows
// whether a broker keeps its contract, and so Jobsy's promises. A broker's own
// tests adopt it with a Harness:
//
//	func TestConformance(t *testing.T) {
//		brokertest.Run(t, brokertest.Harness{
//			New: func(t testing.TB) broker.Broker { return mybroker.New() },
//		})
//	}
//
// Each subtest is named by the promise and the rule that it checks, and so is
// every failure. What only a server can keep, such as P5 for handlers that
// outlive their timeout, is not checked here.
package brokertest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
)

// Harness tells the suite how to get at a broker. Only New is needed: rules
// that need a nil function are skipped with that reason. The functions are
// called concurrently, for different brokers. A broker should run with its
// default intervals: one that looks for work every few milliseconds hides the
// wake-ups that it loses.
type Harness struct {
	// New returns a new, empty broker. The suite closes it, twice.
	New func(t testing.TB) broker.Broker
	// Again returns a second broker on the data of b, as another process has
	// it. The suite closes it, twice.
	Again func(t testing.TB, b broker.Broker) broker.Broker
	// Restart closes b, if that is not done yet, and returns a broker on what
	// b has left. The suite closes it, twice.
	Restart func(t testing.TB, b broker.Broker) broker.Broker
	// Advance moves the broker's clock on. A call that is blocked need not
	// notice. Nil: the clock is real, and the suite waits for short times.
	Advance func(b broker.Broker, d time.Duration)
	// Leftovers names what is left in the broker's store, but for the
	// documented rest.
	Leftovers func(t testing.TB, b broker.Broker) []string
	// Corrupt damages the record of a task.
	Corrupt func(t testing.TB, b broker.Broker, queue string, id uuid.UUID, how Corruption)
	// LoseReply has the reply to the broker's next call that changes
	// something get lost, after its store has acted.
	LoseReply func(b broker.Broker)
	// Bounded returns a new, empty broker that keeps no more ended tasks than
	// bounds say, and that looks for too many several times a second, or, where
	// Advance is set, once a minute of that clock. The suite closes it, twice.
	Bounded func(t testing.TB, bounds broker.Bounds) broker.Broker
}

// Corruption is a way in which a record can be malformed.
type Corruption string

// The ways in which Harness.Corrupt damages a record.
const (
	Garbage Corruption = "garbage" // bytes that are no record
	Empty   Corruption = "empty"   // no bytes at all
	Missing Corruption = "missing" // the id stays, the record is gone
)

// Run checks every rule of the contract in a parallel subtest with a broker of
// its own.
func Run(t *testing.T, h Harness) {
	if h.New == nil {
		t.Fatal("brokertest: Harness.New must be set")
	}
	for _, r := range rules() {
		t.Run(r.name(), func(t *testing.T) {
			t.Parallel()
			r.check(begin(t, h, r))
		})
	}
}

// promise is one of Jobsy's promises.
type promise string

const (
	lossless   promise = "P1 (nothing is lost)"
	fenced     promise = "P2 (fenced)"
	timely     promise = "P3 (never early)"
	ordered    promise = "P4 (ordered)"
	bounded    promise = "P5 (concurrency is a promise)"
	repeatable promise = "P6 (a lost reply changes nothing)"
	crashproof promise = "P7 (a crash costs no retry)"
	onceATick  promise = "P8 (one run per tick)"
	clean      promise = "P9 (clean)"
	whole      promise = "P10 (refused whole or taken whole)"
	idle       promise = "P11 (idle is free)"
	oneClock   promise = "P12 (one clock)"
	tolerant   promise = "P13 (malformed data stops nobody)"
	exclusive  promise = "P14 (unique tasks exclude each other)"
	together   promise = "P15 (gathered tasks run together)"
	obeyed     promise = "P16 (who steps in is obeyed)"
	announced  promise = "P17 (news arrives)"
	observed   promise = "P18 (what happens can be seen)"
)

// rule is one sentence of the contract, and how to check it.
type rule struct {
	promise promise
	text    string
	check   func(s *trial)
}

func (r rule) name() string {
	number, _, _ := strings.Cut(string(r.promise), " ")
	return number + "/" + r.text
}

func rules() []rule {
	return slices.Concat(
		enqueueRules(), duplicateRules(), ownershipRules(),
		leaseRules(), requestRules(), wakeRules(), closeRules(),
		fenceRules(), orderRules(), dueRules(), extremeRules(), recoveryRules(), restartRules(),
		settleRules(), cleanRules(), malformedRules(), replyRules(),
		inspectRules(), timetableRules(), overlapRules(), concurrencyRules(),
		uniqueRules(), latestRules(), lockRules(), gatherRules(),
		reviseRules(), rerunRules(), pauseRules(), cancelRules(), waitRules(), progressRules(), boundsRules(),
		monitorRules(), plannerRules(), surveyRules(), parkedRules(), lastRules(),
	)
}
