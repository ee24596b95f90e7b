// Package jobsy is a distributed task queue. Producers enqueue tasks, any
// number of worker processes lease, run and retry them.
//
// # Concepts
//
// A task.Task is a unit of work: a name and a payload. A Client enqueues tasks
// to a broker; a Server leases them from it and runs the handler of their name.
// The in-memory broker (package broker/memory) is the default and serves one
// process; package broker/redis serves a fleet with the same code. Package
// scheduler enqueues tasks by the clock. A Worker is client, server and
// scheduler in one, for programs that run their own functions.
//
// # Promises
//
// They hold on every broker.
//
//   - Nothing is lost: a task that Enqueue accepted reaches one end (completed,
//     failed or cancelled). It runs at least once, and again if its worker died.
//   - Fenced: each lease carries a token that only grows. A worker whose lease
//     has passed to another can change nothing about the task any more, and its
//     handler's context is cancelled with the cause task.ErrLeaseLost.
//   - Never early: a task starts at its RunAt or later, by the broker's clock.
//   - Ordered: the higher priority first, then first-in first-out.
//   - Concurrency is a promise: never more handlers at once than configured,
//     those included that outlive their timeout.
//   - A lost reply changes nothing, and a crash costs no retry.
//   - One run per tick of a schedule, however many processes run it.
//
// # Stepping in
//
// Client.Wait returns a task once it has ended, with what HandleResult or
// SetResult has left. Client.Cancel calls tasks off, and the handlers of those
// that run are told by their context. Client.Retry runs tasks again, and Delete
// removes them. What an operator does is in package admin: it pauses queues,
// searches, edits and moves tasks, runs again what failed for one reason, and
// tells why a task does not run. A broker of one's own offers this by the
// optional interfaces of package broker.
//
// # Shutdown
//
// Server.Run works until its context ends. It then fetches nothing more, gives
// the running handlers ShutdownTimeout to finish, cancels the contexts of those
// that are left with the cause task.ErrShutdown, and hands their tasks back, at
// no cost, to whoever leases next.
package jobsy
