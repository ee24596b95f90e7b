// Package lua holds the scripts that change a queue in Redis, one a file. Each
// file documents its KEYS, its ARGV and its reply on top; docs/wire.md
// describes the keys. Every script checks everything before it writes, does a
// bounded amount of work, and declares all its keys.
package lua

import _ "embed" // the scripts are embedded

//go:embed prelude.lua
var prelude string

//go:embed locks.lua
var locks string

//go:embed revise.lua
var revise string

//go:embed enqueue.lua
var enqueue string

//go:embed lease.lua
var lease string

//go:embed extend.lua
var extend string

//go:embed settle.lua
var settle string

//go:embed sweep.lua
var sweep string

//go:embed find.lua
var find string

//go:embed join.lua
var join string

//go:embed tick.lua
var tick string

//go:embed sight.lua
var sight string

//go:embed examine.lua
var examine string

//go:embed mend.lua
var mend string

//go:embed plan.lua
var plan string

//go:embed beat.lua
var beat string

//go:embed servers.lua
var servers string

//go:embed record.lua
var record string

//go:embed oldest.lua
var oldest string

// Enqueue returns the source of enqueue.lua, with what it shares with others.
func Enqueue() string { return prelude + locks + enqueue }

// Lease returns the source of lease.lua, with the shared prelude.
func Lease() string { return prelude + lease }

// Extend returns the source of extend.lua, with the shared prelude.
func Extend() string { return prelude + extend }

// Settle returns the source of settle.lua, with what it shares with others.
func Settle() string { return prelude + locks + settle }

// Sweep returns the source of sweep.lua, with what it shares with others.
func Sweep() string { return prelude + locks + sweep }

// Find returns the source of find.lua, with the shared prelude.
func Find() string { return prelude + find }

// Join returns the source of join.lua, with the shared prelude.
func Join() string { return prelude + join }

// Tick returns the source of tick.lua, with what it shares with others.
func Tick() string { return prelude + locks + tick }

// Revise returns the source of revise.lua, with what it shares with others.
func Revise() string { return prelude + locks + revise }

// Examine returns the source of examine.lua, with what it shares with others.
func Examine() string { return prelude + sight + examine }

// Mend returns the source of mend.lua, with what it shares with others.
func Mend() string { return prelude + locks + sight + mend }

// Plan returns the source of plan.lua, with the shared prelude.
func Plan() string { return prelude + plan }

// Beat returns the source of beat.lua, with the shared prelude.
func Beat() string { return prelude + beat }

// Servers returns the source of servers.lua, with the shared prelude.
func Servers() string { return prelude + servers }

// Record returns the source of record.lua, with the shared prelude.
func Record() string { return prelude + record }

// Oldest returns the source of oldest.lua, with the shared prelude.
func Oldest() string { return prelude + oldest }
