package scheduler

import "container/heap"

// agenda is the entries that wait, the one to wake first on top.
type agenda []*entry

func (a *agenda) add(e *entry) { heap.Push(a, e) }

func (a *agenda) remove(e *entry) {
	if e.place >= 0 {
		heap.Remove(a, e.place)
	}
}

// Len, Less, Swap, Push and Pop are for package heap.
func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].wake.Before(a[j].wake) }

func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].place, a[j].place = i, j
}

func (a *agenda) Push(x any) {
	e := x.(*entry)
	e.place = len(*a)
	*a = append(*a, e)
}

func (a *agenda) Pop() any {
	last := len(*a) - 1
	e := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	e.place = -1
	return e
}
