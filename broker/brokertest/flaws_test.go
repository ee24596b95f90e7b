package brokertest

import "maps"

// flawsByRule tells, for each rule, flaws of a model that it must find.
func flawsByRule() map[string][]string {
	all := make(map[string][]string)
	for _, some := range []map[string][]string{
		enqueueFlaws(), leaseFlaws(), wakeFlaws(), fenceFlaws(), orderFlaws(), timeFlaws(),
		settleFlaws(), malformedFlaws(), replyFlaws(), inspectFlaws(), timetableFlaws(),
		uniqueFlaws(), gatherFlaws(), reviseFlaws(), newsFlaws(), monitorFlaws(), surveyFlaws(),
		parkedFlaws(), lastFlaws(),
	} {
		maps.Copy(all, some)
	}
	return all
}

func enqueueFlaws() map[string][]string {
	return map[string][]string{
		"P10/defaults are written into the caller's task":                      {"leaves the caller's task without defaults", "does not say what a task has become"},
		"P10/what the broker records is cleared":                               {"keeps what the caller says of progress", "keeps what the caller says of snoozes"},
		"P10/a bad field is refused by name and the rest is taken":             {"takes bad tasks", "does not name the bad field"},
		"P10/a nil task is refused and the rest is taken":                      {"takes bad tasks"},
		"P10/arguments that cannot be encoded are refused":                     {"takes bad tasks"},
		"P10/a refused task leaves nothing behind":                             {"knows a queue before it has checked the task", "takes bad tasks"},
		"P10/a batch beyond MaxBatch is served or refused":                     {"loses the last of a full batch"},
		"P1/every field of a task survives":                                    {"loses headers"},
		"P1/a full batch is taken and settled":                                 {"loses the last of a full batch"},
		"P1/an empty call does nothing":                                        {"answers an empty call with no nil"},
		"P1/one ID in two queues is two tasks":                                 {"knows an ID once for all queues"},
		"P1/enqueuing with an ended context fails":                             {"ignores an ended context"},
		"P10/the task that stands is refused, and told as the same":            {"takes the same task again", "tells no task as the same"},
		"P10/the task that is scheduled is refused, and told as the same":      {"takes the same task again", "tells no task as the same"},
		"P10/a task twice in a batch is one task":                              {"takes the same task again", "tells no task as the same", "takes every ID in use"},
		"P10/the task that runs is refused, and told as the same":              {"takes the same task again", "tells no task as the same"},
		"P10/another task with an ID in use is refused":                        {"tells every ID in use as the same", "takes every ID in use", "replaces the task with an ID in use"},
		"P10/of two tasks with one ID in a batch the first stands":             {"takes every ID in use"},
		"P10/an ID is in use while its task waits for a retry":                 {"takes every ID in use"},
		"P10/an ID is in use while its ended task is kept":                     {"takes every ID in use", "drops ended tasks at once"},
		"P10/a retrying task is not the same if its record was left as it is":  {"compares records alone"},
		"P10/an ended task is not the same if its record was left as it is":    {"compares records alone"},
		"P1/an ID is free again once its task is gone":                         {"remembers an ID for ever"},
		"P1/the caller may change a task once it is enqueued":                  {"keeps the caller's task"},
		"P1/the caller may change what it has leased":                          {"hands out its own task"},
		"P1/the caller may change an outcome once it is settled":               {"keeps the caller's task"},
		"P1/a handler may change its task without losing the lease":            {"trusts the task of a lease"},
		"P4/a released task keeps its priority whatever its handler did to it": {"takes the priority from the lease's task"},
	}
}

func leaseFlaws() map[string][]string {
	return map[string][]string{
		"P1/a lease says what it is":                               {"does not say who leased a task", "leaves the priority out of a lease"},
		"P1/a task is leased to one worker only":                   {"leases a task to several workers"},
		"P5/a call gets no more than Max":                          {"ignores Max"},
		"P1/a call takes from any of its queues":                   {"looks into the first queue only"},
		"P1/leases drawn as the context ends are not dropped":      {"drops what it has drawn as its context ends"},
		"P11/Lease blocks until its context ends":                  {"returns without a task instead of blocking"},
		"P11/Lease returns when its context is cancelled":          {"ignores its context while it blocks"},
		"P11/Lease with an ended context does not block":           {"ignores its context while it blocks"},
		"P10/a bad lease request is refused":                       {"does not check requests"},
		"P10/a lease request beyond MaxBatch is served or refused": {"loses leases beyond MaxBatch"},
		"P10/an unknown outcome is refused and leaves the lease":   {"drops a task with an unknown outcome"},
		"P7/Close ends a blocked Lease with ErrClosed":             {"Close leaves calls blocked"},
		"P7/calls after Close get ErrClosed":                       {"serves calls after Close"},
		"P7/leases outlive Close and then run out":                 {"Close ends its leases"},
	}
}

func wakeFlaws() map[string][]string {
	return map[string][]string{
		"P11/a blocked Lease is woken by an enqueue":                    {"an enqueue wakes nobody", "polls"},
		"P11/a blocked Lease is woken by an enqueue in another process": {"an enqueue wakes nobody", "polls"},
		"P11/a blocked Lease is woken by any of its queues":             {"an enqueue wakes nobody", "polls"},
		"P11/a blocked Lease is woken by a release":                     {"a release wakes nobody"},
		"P11/a blocked Lease is woken when a task falls due":            {"sleeps when a task falls due", "starts tasks late"},
		"P11/a blocked Lease is woken by a task due before the others":  {"a scheduled task wakes nobody"},
		"P11/a blocked Lease is woken when a retry falls due":           {"a delay wakes nobody"},
		"P11/a blocked Lease is woken when another lease runs out":      {"sleeps when a lease runs out"},
		"P11/each of many blocked calls gets one of many tasks":         {"an enqueue wakes nobody"},
		"P11/one batch wakes many blocked calls":                        {"wakes one call, and not the next"},
		"P11/many processes are woken":                                  {"wakes one call, and not the next"},
		"P11/a wake-up that meets a leaving call goes to another":       {"wakes one call, and not the next"},
	}
}

func fenceFlaws() map[string][]string {
	return map[string][]string{
		"P2/an overtaken lease cannot be extended":                     {"Extend does not fence", "Settle does not fence"},
		"P2/a worker in another process is fenced":                     {"Extend does not fence", "Settle does not fence"},
		"P2/a settled lease is lost":                                   {"Settle does not fence"},
		"P2/settling twice in one call counts once":                    {"Settle does not fence"},
		"P2/a lease that never was is lost":                            {"Settle does not fence", "Extend does not fence"},
		"P2/each lease of a call is judged by itself":                  {"fails a call as a whole"},
		"P2/a lease that ran out is held until it is taken over":       {"loses a lease as it runs out"},
		"P2/an extended lease is not taken over":                       {"Extend does nothing"},
		"P2/Extend counts from now":                                    {"Extend adds to what is left"},
		"P2/the token grows with every lease":                          {"gives every lease the same token", "forgets the token of a retry"},
		"P2/a late settlement as completed is refused":                 {"Settle does not fence"},
		"P2/a late settlement as failed is refused":                    {"Settle does not fence"},
		"P2/a late settlement as cancelled is refused":                 {"Settle does not fence"},
		"P2/a late settlement as retrying is refused":                  {"Settle does not fence", "gives every lease the same token"},
		"P2/a late settlement as scheduled is refused":                 {"Settle does not fence"},
		"P2/a late settlement as pending is refused":                   {"Settle does not fence"},
		"P7/a lost worker's task runs again once its lease has passed": {"never leases a lost task again", "leases a task to several workers", "cuts leases short"},
		"P7/every takeover counts a delivery and no attempt":           {"does not count deliveries", "counts a takeover as an attempt"},
		"P7/all tasks of a lost worker run again":                      {"never leases a lost task again", "does not count deliveries"},
		"P7/an answered attempt resets the deliveries":                 {"never forgets deliveries"},
		"P7/a release costs no delivery":                               {"counts a release as a delivery"},
		"P7/a release forgets no delivery":                             {"forgets deliveries with a release"},
		"P7/a release of what was delivered before can be put off":     {"a release is at once"},
		"P7/an extended lease costs no delivery":                       {"an extension counts a delivery"},
	}
}

func orderFlaws() map[string][]string {
	return map[string][]string{
		"P4/higher priority first, then first-in first-out":           {"ignores priority", "runs the last in first"},
		"P4/a batch of leases is in order":                            {"ignores priority", "runs the last in first"},
		"P4/priority goes from 1 to 255":                              {"ignores priority"},
		"P4/due tasks are ordered by priority, not by due time":       {"ignores priority", "runs due tasks before all others"},
		"P4/due tasks of one priority run in the order of their time": {"runs the last in first"},
		"P4/a due task goes before pending ones of lower priority":    {"ignores priority", "runs due tasks before all others"},
		"P4/a released task goes before others of its priority":       {"puts released tasks last"},
		"P4/a retried task keeps its priority":                        {"forgets the priority of a retry"},
		"P4/leases that have run out go first, the oldest first":      {"leases lost tasks last", "leases lost tasks in any order"},
		"P4/queues named earlier are preferred":                       {"prefers the queue named last"},
	}
}

func timeFlaws() map[string][]string {
	return map[string][]string{
		"P3/a task is not leased before it is due":               {"ignores RunAt"},
		"P3/tasks start at their time and soon after":            {"starts tasks early", "starts tasks late"},
		"P3/a due time within a millisecond is not rounded down": {"starts tasks early"},
		"P3/a task whose time has passed is runnable at once":    {"takes the past for the future"},
		"P3/a retry waits for its delay":                         {"starts tasks early"},
		"P3/a snoozed task waits for its delay":                  {"starts tasks early"},
		"P3/a retry without delay runs at once":                  {"makes every delay two seconds at least"},
		"P3/a lease does not run out before its time":            {"cuts leases short"},
		"P3/the longest delays do not overflow":                  {"overflows"},
		"P3/the latest RunAt does not overflow":                  {"overflows"},
		"P3/the longest leases do not overflow":                  {"overflows"},
		"P9/the longest Keep does not overflow":                  {"overflows"},
		"P12/due times are judged by the broker's clock":         {"judges by this process's clock"},
		"P12/leases are judged by the broker's clock":            {"judges by this process's clock"},
		"P12/delays are counted by the broker's clock":           {"judges by this process's clock"},
		"P12/schedules see the broker's clock":                   {"judges by this process's clock"},
		"P1/waiting tasks outlive a restart":                     {"a restart loses pending tasks", "a restart reorders tasks"},
		"P1/delayed tasks outlive a restart":                     {"a restart loses retrying tasks", "a restart loses scheduled tasks"},
		"P7/running tasks outlive a restart":                     {"a restart loses running tasks", "a restart forgets deliveries"},
		"P1/ended tasks are readable after a restart":            {"a restart loses completed tasks"},
	}
}

func settleFlaws() map[string][]string {
	return map[string][]string{
		"P1/an outcome's task replaces the record":               {"does not store an outcome's task"},
		"P1/an outcome without a task leaves the record":         {"forgets progress on an outcome without a task"},
		"P1/a released task runs again":                          {"drops released tasks"},
		"P1/one call settles all kinds of outcomes":              {"settles the first outcome alone"},
		"P1/one call settles leases of several queues":           {"settles leases of one queue alone"},
		"P1/a task that has become completed does not run again": {"runs ended tasks again"},
		"P1/a task that has become failed does not run again":    {"runs ended tasks again"},
		"P1/a task that has become cancelled does not run again": {"runs ended tasks again"},
		"P9/an ended task stays readable for its Keep":           {"drops ended tasks at once"},
		"P9/an ended task goes when its Keep has passed":         {"keeps ended tasks for ever", "drops ended tasks early"},
		"P9/an ID is free again when its task's Keep has passed": {"keeps ended tasks for ever", "drops ended tasks early"},
		"P9/nothing is left of tasks that went every way":        {"leaves traces"},
		"P9/nothing is left of many tasks that were kept":        {"keeps ended tasks for ever"},
		"P1/every task ends once, however it gets there":         {"never leases a lost task again", "runs ended tasks again", "drops released tasks"},
		"P1/every task ends once, in several processes":          {"Settle does not fence"},
	}
}

func malformedFlaws() map[string][]string {
	flaws := make(map[string][]string)
	for _, how := range []string{" (garbage)", " (empty)", " (missing)"} {
		maps.Copy(flaws, map[string][]string{
			"P13/a malformed pending task is set aside as failed" + how:   {"drops malformed tasks", "does not say why a malformed task failed", "fails on a malformed record"},
			"P13/a malformed scheduled task is set aside as failed" + how: {"drops malformed tasks", "fails on a malformed record"},
			"P13/a malformed running task is set aside as failed" + how:   {"drops malformed tasks", "fails on a malformed record"},
			"P13/many malformed tasks stop nobody" + how:                  {"fails on a malformed record"},
			"P13/a malformed task can be settled by its worker" + how:     {"cannot settle a malformed task"},
		})
	}
	return flaws
}

func replyFlaws() map[string][]string {
	const again = "makes a change again whose reply was lost"
	return map[string][]string{
		"P6/an enqueue is not doubled":                     {again},
		"P6/an enqueue is answered as it was":              {again},
		"P6/leases are not stranded":                       {again},
		"P6/leases that were taken over are not stranded":  {again},
		"P6/an extension is repeated":                      {"reports a lost reply"},
		"P6/a settlement is answered as it was":            {again},
		"P6/a tick is taken once":                          {again},
		"P6/a settlement as completed is not a lost lease": {again},
		"P6/a settlement as failed is not a lost lease":    {again},
		"P6/a settlement as cancelled is not a lost lease": {again},
		"P6/a settlement as retrying is not a lost lease":  {again},
		"P6/a settlement as scheduled is not a lost lease": {again},
		"P6/a settlement as pending is not a lost lease":   {again},
	}
}

func inspectFlaws() map[string][]string {
	return map[string][]string{
		"P1/every task counts under one status":                           {"counts running tasks as pending"},
		"P1/every task can be found where it stands":                      {"shows the first RunAt of a retry", "drops ended tasks at once"},
		"P1/the queues that had a task are known":                         {"does not sort queues"},
		"P1/what is unknown is not found":                                 {"finds what is unknown"},
		"P1/pages show every task once":                                   {"shows a task on two pages"},
		"P1/what inspection returns may be changed":                       {"hands out its own task"},
		"P4/pending tasks are listed in the order in which they will run": {"lists tasks as they came"},
		"P4/delayed tasks are listed in the order in which they will run": {"lists tasks as they came"},
		"P4/ended tasks are listed in the order in which they will go":    {"lists tasks as they came"},
		"P10/a bad inspection is refused":                                 {"does not check requests"},
	}
}

func timetableFlaws() map[string][]string {
	return map[string][]string{
		"P8/the first Join anchors a schedule":                            {"anchors a schedule at every Join"},
		"P8/schedules belong to their queue":                              {"knows a schedule once for all queues"},
		"P8/a tick is taken once":                                         {"takes every tick", "does not say what a task has become"},
		"P8/a tick before the last one is stale":                          {"takes every tick", "takes every tick but the last one again"},
		"P8/of many processes one takes the tick":                         {"takes every tick"},
		"P8/two brokers share a schedule":                                 {"takes every tick but the last one again", "anchors a schedule at every Join"},
		"P8/a tick whose ID is in use counts as taken":                    {"does not record a tick with a used ID"},
		"P8/Leave forgets a schedule":                                     {"Leave does nothing"},
		"P8/a tick wakes a blocked Lease":                                 {"an enqueue wakes nobody"},
		"P8/a tick's task may be due later":                               {"ignores RunAt"},
		"P10/a bad tick is refused and not recorded":                      {"records a tick before it checks the task"},
		"P1/the caller may change a tick's task afterwards":               {"keeps the caller's task"},
		"P8/NoOverlap skips a tick while the last task waits":             {"lets every tick overlap"},
		"P8/NoOverlap skips a tick while the last task runs":              {"lets every tick overlap", "takes a running task for ended"},
		"P8/NoOverlap skips a tick while the last task waits for a retry": {"lets every tick overlap", "takes a delayed task for ended"},
		"P8/NoOverlap skips tick after tick while one task goes on":       {"forgets the task of a skipped tick"},
		"P8/NoOverlap takes the next tick once the last task has ended":   {"takes a kept task for running"},
		"P8/ticks overlap without NoOverlap":                              {"never lets ticks overlap"},
		"P8/IgnoreDelayed takes a tick while the last task is not due":    {"IgnoreDelayed does nothing", "takes a delayed task for ended", "takes a running task for ended"},
		"P8/a tick says for which task it was skipped":                    {"does not say what a tick waits for"},
		"P8/a tick whose lock is held passes without its task":            {"a tick ignores locks"},
		"P8/the task of a tick holds its lock":                            {"a tick takes no lock"},
	}
}

func uniqueFlaws() map[string][]string {
	const again = "makes a change again whose reply was lost"
	return map[string][]string{
		"P14/UntilStarted excludes others until the first run":                             {"never excludes", "takes a running task for a waiting one", "does not say that a lock is held"},
		"P14/UntilEnded excludes others until the end":                                     {"UntilEnded excludes until the start", "a retry frees the lock", "locks are never freed"},
		"P14/UntilEnded outlives a lease and a takeover":                                   {"a takeover frees the lock", "UntilEnded excludes until the start"},
		"P14/Throttle excludes others for its time, whatever becomes of the task":          {"Throttle excludes until the end", "Throttle never ends"},
		"P14/Debounce has the last one run, as the first one":                              {"Debounce never waits", "leaves the waiting task as it is", "does not tell which task stands"},
		"P14/Debounce waits no longer than its Limit":                                      {"Debounce forgets its Limit"},
		"P14/Debounce begins anew once the task has started":                               {"takes a running task for a waiting one"},
		"P14/a lock is void once its holder has ended":                                     {"locks are never freed"},
		"P14/a lock is void once its holder was cancelled or deleted":                      {"locks are never freed", "Revise does nothing"},
		"P10/the unique task that stands is told as the same":                              {"judges the lock before the ID"},
		"P6/a unique enqueue is answered as it was":                                        {again},
		"P9/nothing is left of unique tasks":                                               {"leaves locks behind"},
		"P14/Latest keeps one running and one waiting":                                     {"Latest lets both run", "leaves the waiting task as it is"},
		"P14/with Latest the next one waits for the end of the other, not for its attempt": {"a retry frees the lock", "a takeover frees the lock"},
		"P14/with Latest the next one wakes a blocked Lease":                               {"the end of another task wakes nobody"},
		"P14/with Latest the next one starts when the other was deleted or cancelled":      {"Revise does nothing"},
		"P14/with Latest the newest one runs last, though the other was handed back":       {"replaces a task that was handed back"},
		"P14/with Latest one that an operator has run makes room for another":              {"replaces a task that runs before its turn"},
		"P14/of many that come at once one has the lock":                                   {"never excludes"},
		"P14/locks outlive a restart":                                                      {"a restart loses locks"},
		"P14/what happens is up to the mode of the holder":                                 {"judges by the newcomer's mode"},
		"P14/of two tasks in a batch the first has the lock":                               {"does not see the locks of a batch"},
		"P14/a lock is that of its queue":                                                  {"knows a lock once for all queues"},
		"P14/without a Key the name and the payload count":                                 {"ignores the payload in a lock"},
		"P10/a task whose ID is in use leaves the lock as it was":                          {"takes the lock before it judges the ID", "judges the lock before the ID"},
		"P14/a task that runs again takes its lock again":                                  {"a rerun takes no lock"},
		"P14/a task that is unique by its payload keeps it until its end":                  {"a revision changes what a task is unique by"},
	}
}

func gatherFlaws() map[string][]string {
	return map[string][]string{
		"P15/a full group runs at once":                 {"a full group waits", "loses members", "never excludes"},
		"P15/a group runs once it has been quiet":       {"a group waits for its Delay"},
		"P15/a group waits no longer than its Delay":    {"a group waits for ever"},
		"P15/a group that has started takes no more":    {"takes a running task for a waiting one"},
		"P15/groups of other keys and names are apart":  {"ignores the key of a group"},
		"P7/a group runs again as a whole":              {"a takeover forgets members"},
		"P15/a group outlives a restart":                {"a restart loses locks", "a restart loses scheduled tasks"},
		"P10/a member is refused, and told as the same": {"doubles members", "takes a member again", "tells no task as the same"},
		"P6/a gathered enqueue is not doubled":          {"makes a change again whose reply was lost"},
	}
}

func reviseFlaws() map[string][]string {
	return map[string][]string{
		"P16/a waiting task gets a new payload and priority":                            {"Revise does nothing"},
		"P16/a waiting task can be cancelled":                                           {"Revise does nothing"},
		"P16/a task that waits or has ended can be deleted":                             {"Revise does nothing"},
		"P16/each revised task is judged by itself":                                     {"revises running tasks", "says nothing of the unknown", "fails a call as a whole"},
		"P16/a task that has ended is not cancelled":                                    {"cancels what has ended"},
		"P16/a waiting task can be made due":                                            {"Revise does nothing"},
		"P4/a pending task keeps its turn when its priority changes":                    {"a revision costs the turn"},
		"P11/a blocked Lease is woken by a revision":                                    {"a revision wakes nobody"},
		"P10/a bad change is refused":                                                   {"does not check requests"},
		"P6/a revision is answered as it was":                                           {"makes a change again whose reply was lost"},
		"P16/an ended task that runs again begins anew and keeps its history":           {"a rerun keeps its attempts", "a rerun keeps its counts", "a rerun loses its history"},
		"P16/tasks that run again are spaced":                                           {"ignores spacing"},
		"P16/a paused queue hands out nothing and takes all":                            {"Pause does nothing"},
		"P16/a queue is paused for every process":                                       {"Pause does nothing"},
		"P11/a blocked Lease is woken when its queue is resumed":                        {"a resumption wakes nobody", "Pause does nothing"},
		"P16/a running task that was cancelled ends as cancelled, whatever its outcome": {"forgets cancellations"},
		"P16/a task that completes is completed though it was cancelled":                {"cancels what has completed"},
		"P16/Extend tells of a cancellation and keeps the lease":                        {"Extend does not tell of a cancellation", "does not extend what is to be cancelled"},
		"P16/a takeover tells of a cancellation":                                        {"a takeover forgets cancellations", "forgets cancellations"},
	}
}

func newsFlaws() map[string][]string {
	return map[string][]string{
		"P17/News tells of running tasks that are cancelled":              {"tells nobody"},
		"P17/News tells of what another process cancels":                  {"tells nobody"},
		"P17/News tells of pauses, of its queues alone":                   {"tells of no pause", "tells of pauses of every queue"},
		"P17/News tells of pauses by another process":                     {"tells of no pause"},
		"P17/News ends with its context":                                  {"ignores its context while it blocks"},
		"P17/Wait returns when the task ends, and it stays readable":      {"Wait sleeps on", "drops what is waited for"},
		"P17/Wait is in time while an ended task is kept":                 {"Wait does not look first"},
		"P17/Wait tells what is unknown or deleted":                       {"Wait does not look first", "Wait sleeps on"},
		"P17/Wait returns when another process ends the task":             {"Wait sleeps on"},
		"P17/Wait returns when a waiting task is cancelled":               {"Wait sleeps on", "drops what is waited for"},
		"P17/Wait ends with its context":                                  {"ignores its context while it blocks"},
		"P17/Close ends a blocked Wait with ErrClosed":                    {"Close leaves calls blocked"},
		"P17/inspection shows the progress that was reported last":        {"does not report progress"},
		"P2/an overtaken worker reports no progress":                      {"Extend does not fence"},
		"P9/ended tasks beyond the bound go and are counted":              {"ignores bounds", "does not count what it drops"},
		"P9/of ended tasks beyond the bound those go that would go first": {"drops those first that would go last", "drops those first that ended first"},
		"P9/what is bound to none is not kept":                            {"ignores bounds"},
		"P9/an ended task is kept no longer than the bound says":          {"ignores bounds"},
	}
}

func monitorFlaws() map[string][]string {
	return map[string][]string{
		"P18/a server is listed with what it said last, until it departs":          {"forgets what a server says", "Depart does nothing"},
		"P18/a server that is not heard of any more is gone":                       {"keeps servers for ever"},
		"P18/pages show every server":                                              {"shows one page of servers"},
		"P18/a server's lists are cut to what is kept":                             {"keeps all that servers say"},
		"P18/figures add up, by name and in all":                                   {"knows the last figures alone"},
		"P18/figures belong to their queue and their minute":                       {"knows figures once for all queues", "ignores the time of figures"},
		"P18/figures of more than two hours come by ten minutes, and are complete": {"knows minutes alone", "keeps figures for two hours"},
		"P18/figures by name agree with the totals":                                {"leaves what has no name out of the totals"},
		"P18/figures of two processes add up":                                      {"knows the last figures alone"},
		"P9/figures go after a day":                                                {"keeps figures for ever"},
		"P6/figures are not doubled":                                               {"makes a change again whose reply was lost"},
		"P18/what was enqueued is counted, and what was refused is not":            {"counts refused tasks as enqueued", "counts what was enqueued with each record"},
		"P18/the ticks that were enqueued are counted":                             {"does not count ticks"},
		"P6/what was enqueued is counted once":                                     {"counts each call as enqueued"},
		"P18/what goes before a pending task is counted":                           {"does not count what goes before", "ignores priority"},
		"P18/a running task's lease is told":                                       {"tells of no lease"},
		"P18/a task that waits for another's end tells for which":                  {"does not tell who is waited for", "makes up when a task is due that waits for another"},
		"P18/the age of the oldest waiting task is known":                          {"takes the first for the oldest"},
		"P18/a schedule is listed with its plan":                                   {"forgets plans", "keeps the first plan"},
		"P18/pages show every schedule of a queue":                                 {"shows one page of schedules", "lists the schedules of all queues"},
		"P18/a queue with a schedule is known without a task":                      {"knows queues by their tasks only"},
		"P18/Forget forgets a schedule unless it has ticked":                       {"Forget does nothing", "Forget ignores the last tick"},
		"P18/a schedule that was left is forgotten with its plan and its pause":    {"Leave does nothing", "notes plans that nobody joined"},
		"P16/the ticks of a paused schedule pass without their tasks":              {"PauseSchedule does nothing", "a tick of a paused schedule is made up for"},
		"P18/the caller may change a plan afterwards":                              {"hands out its own task"},
		"P10/a bad question about schedules is refused":                            {"does not check requests"},
		"P10/a bad question of a monitor is refused":                               {"does not check requests"},
	}
}

func surveyFlaws() map[string][]string {
	return map[string][]string{
		"P18/a survey tells of each queue what inspection does": {"counts running tasks as pending"},
		"P18/a survey tells how long the oldest task waits":     {"surveys without a clock"},
		"P18/a task that has run before tells no age":           {"takes the age of a retry for its wait"},
		"P10/a bad queue spoils no survey but its own":          {"fails a call as a whole", "does not check requests"},
		"P13/a survey is not stopped by a malformed task":       {"surveys no malformed task"},
	}
}

func parkedFlaws() map[string][]string {
	const again, lossy = "makes a change again whose reply was lost", "drops parked tasks"
	return map[string][]string{
		"P1/a parked task waits for a worker that handles its name":                              {"hands parked tasks to everybody", lossy, "a parked task is pending"},
		"P1/a parked task of any of many names is found by a new call":                           {lossy},
		"P1/parked tasks outlive a restart":                                                      {"a restart loses scheduled tasks", "a restart forgets deliveries"},
		"P7/parking forgets no lost worker":                                                      {"forgets deliveries with a parking"},
		"P7/only an answered attempt forgets lost workers":                                       {"forgets deliveries with a parking", "forgets deliveries with a release", "never forgets deliveries"},
		"P7/a lost worker's parked task runs again":                                              {"forgets deliveries with a parking", "does not count deliveries"},
		"P6/parking is answered as it was":                                                       {again},
		"P6/leases of parked tasks are not stranded":                                             {again},
		"P4/parked tasks go after leases that have run out, before pending ones, in their order": {"leases parked tasks last", "ignores priority", "leases lost tasks last"},
		"P18/a parked task is shown as scheduled, with the RunAt that it had":                    {"shows when a parked task is due", "a parked task is pending"},
		"P16/a parked task can be cancelled, deleted and changed":                                {"Revise does nothing", "hands parked tasks to everybody"},
		"P16/a parked task that is made pending is for everybody":                                {"a rerun stays parked", "a rerun forgets no delivery"},
		"P16/a task that was parked again is leased once":                                        {"leases parked tasks again and again"},
		"P16/parked tasks of a paused queue wait for its end":                                    {"Pause does nothing", "a resumption wakes nobody"},
		"P11/a blocked Lease is woken by the parking of a task that it handles":                  {"a parking wakes nobody"},
		"P11/parked tasks wake nobody who does not handle them":                                  {"hands parked tasks to everybody", "asks again and again"},
		"P14/a parked task keeps its lock, and gives its place to a newcomer":                    {"a newcomer stays parked", "never excludes"},
		"P15/a group that was parked takes no more":                                              {"a parked group takes more"},
		"P10/a bad parking is refused":                                                           {"does not check requests"},
		"P13/a Handles that panics or ends its goroutine says no":                                {"hands parked tasks to everybody"},
		"P9/nothing is left of parked tasks":                                                     {"leaves traces"},
	}
}

func lastFlaws() map[string][]string {
	return map[string][]string{
		"P7/a call gets one task on its last delivery, of all its queues":        {"ignores Last"},
		"P7/with NoLast a call gets everything but tasks on their last delivery": {"hands out last deliveries in spite of NoLast", "ignores Last"},
		"P7/a parked task on its last delivery is bounded likewise":              {"hands out all parked tasks"},
		"P7/a task beyond its last delivery is handed out":                       {"takes what is beyond for the last"},
		"P11/tasks on their last delivery drain with no waiting":                 {"ignores Last"},
		"P11/what a call is not to have does not wake it":                        {"hands out last deliveries in spite of NoLast"},
		"P11/what a blocked call is not to have wakes another":                   {"hands out last deliveries in spite of NoLast", "sleeps when a lease runs out"},
		"P10/a bad bound on last deliveries is refused":                          {"does not check requests"},
	}
}
