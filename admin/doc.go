// Package admin is for those who run a fleet: it tells what is there and why
// something does not run, and steps in. Producers need none of it; what they call,
// Cancel, Retry and Delete among it, are methods of jobsy.Client.
//
// A Client looks at queues and servers, searches tasks and groups failed ones,
// tells why a task does not run (Explain) and how many ran how long (Figures). It
// pauses queues, moves and edits tasks that wait, runs failed ones again by the
// group, and pauses, runs and removes schedules. The command line and the
// dashboard are made of it.
package admin
