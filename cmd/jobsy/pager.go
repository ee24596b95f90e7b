package main

import (
	"strconv"

	"github.com/spf13/cobra"
)

// pager bounds a listing.
type pager struct{ limit, most int }

func (p *pager) flag(c *cobra.Command, normally int) {
	c.Flags().IntVar(&p.limit, "limit", normally, "list at most so many, 1 to "+strconv.Itoa(p.most))
}

func (p *pager) check() error {
	if p.limit < 1 || p.limit > p.most {
		return usagef("--limit must be 1 to %d, got %d", p.most, p.limit)
	}
	return nil
}
