package task

// Priority orders the tasks of one queue: the greater runs first, and tasks
// of one priority run first-in first-out. It goes from 1 to 255; zero means
// MediumPriority.
type Priority int32

// The levels that most programs need, with room between and around them.
const (
	LowPriority    Priority = 64
	MediumPriority Priority = 128
	HighPriority   Priority = 192
)

// The bounds of a priority.
const (
	MinPriority Priority = 1
	MaxPriority Priority = 255
)
