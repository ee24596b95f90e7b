package memory

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Entries pushed and removed at random come out in the order of their keys.
func TestHeap(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		var h heap
		var in []*entry
		for rank := range random.Int64N(100) {
			e := &entry{key: key{random.Int64N(10), rank}}
			h.push(e)
			in = append(in, e)
			if random.IntN(3) == 0 {
				at := random.IntN(len(in))
				h.remove(in[at])
				in = slices.Delete(in, at, at+1)
			}
		}
		slices.SortFunc(in, func(a, b *entry) int { return compare(item{a.key, a}, item{b.key, b}) })
		if got := slices.Collect(h.inOrder); !slices.Equal(got, in) {
			t.Fatalf("%d entries come in order as %v, want %v", len(in), got, in)
		}
		for i, want := range in {
			if h.next() != want.key.at || h.first() != want {
				t.Fatalf("number %d of %d is %v, want %v", i, len(in), h.first().key, want.key)
			}
			h.remove(want)
		}
		if h.len() != 0 || h.next() != never {
			t.Fatalf("%d entries are left", h.len())
		}
	}
}

// A page holds the smallest keys after the cursor, in order, and one more.
func TestPage(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		var all []item
		for rank := range random.Int64N(200) {
			all = append(all, item{key: key{random.Int64N(20), rank}})
		}
		sorted := slices.SortedFunc(slices.Values(all), compare)
		limit, from := 1+random.IntN(30), 0
		seen := key{at: -1}
		for {
			got := page(slices.Values(all), seen, limit)
			want := sorted[from:min(from+limit+1, len(sorted))]
			if !slices.Equal(got, want) {
				t.Fatalf("page of %d from %d is %v, want %v", limit, from, got, want)
			}
			if len(got) <= limit {
				break
			}
			from += limit
			seen = got[limit-1].key
		}
	}
}
