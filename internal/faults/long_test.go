package faults

import "flag"

var (
	long = flag.Duration("long", 0, "how long the random faults go on; 0: they are left out")
	seed = flag.Uint64("seed", 0, "what the random faults begin with; 0: drawn")
)
