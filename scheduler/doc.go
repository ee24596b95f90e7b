// Package scheduler enqueues tasks by the clock: at the times of a cron spec,
// or at equal intervals.
//
//	s := scheduler.New(b, nil)
//	err := s.Cron("report", "CRON_TZ=Europe/Berlin 0 9 * * mon-fri", task.New("report:daily", nil))
//	err = s.Every("poll", 30*time.Second, task.New("feed:poll", nil))
//	err = s.Run(ctx)
//
// Any number of processes may run the same schedule. There is no leader: all of
// them try every tick, the broker takes each once, and a process that dies is
// not missed. Ticks go by the broker's clock, so a host whose own clock is wrong
// changes nothing, and a tick's task never starts before its time.
//
// # Specs
//
// A spec has five fields (minute, hour, day of month, month, day of week), or
// six with the seconds in front; or it is one of @yearly, @annually, @monthly,
// @weekly, @daily, @midnight, @hourly; or "@every 1m30s". A time zone may lead:
// "CRON_TZ=Europe/Berlin 0 9 * * *", or TZ= for short. Without one,
// Schedule.Location and Options.Location decide, and else it is UTC, which is
// the same on every host.
//
// An interval, given by Every or by @every, counts from the moment at which the
// schedule was first run anywhere. The broker remembers that moment, so all
// processes share one grid, and restarts do not move it. The first tick comes
// one interval later.
//
// # Daylight saving time
//
// A spec that names certain hours goes by the wall clock. A local time that is
// left out, as clocks go forward, ticks at the first instant after the gap, and
// several in one gap tick once. A local time that comes twice, as clocks go
// back, ticks the first time. A spec that names every hour ("*", "*/1", "0-23")
// goes by elapsed time: it ticks at every instant whose local time matches, as
// often as there is one. "*/2" names certain hours.
//
// # Sets
//
// Schedules that come from a configuration, or that a program should have and no
// others, are given as a set: see Sync. What is gone from the set, in a former
// version of the program too, is stopped, and once nobody runs it any more the
// broker forgets it.
//
// # Missed ticks
//
// A tick is missed when it came due before this process ran the schedule, though
// not before the schedule got its spec, or when a later one is due already: after
// a downtime, while the broker could not be reached, while the host slept, under
// overload. MissedPolicy says what becomes of it. While the scheduler runs, the
// latest tick that is due is not missed but late, and is enqueued under every
// policy.
package scheduler
