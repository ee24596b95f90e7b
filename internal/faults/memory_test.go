package faults

import "runtime"

// hoard keeps all that it takes, far beyond what limitMemory lets a worker have.
func hoard() {
	var hoarded [][]byte
	for range 4 << 10 {
		piece := make([]byte, 1<<20)
		for i := range piece {
			piece[i] = 1 // memory that nobody wrote to costs none
		}
		hoarded = append(hoarded, piece)
	}
	runtime.KeepAlive(hoarded)
}
