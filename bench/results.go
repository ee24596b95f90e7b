package main

import (
	"encoding/json"
	"io"
	"math"
	"slices"
)

const perSecond = "/s"

// metric is one thing that was measured of a row's sides.
type metric struct{ mode, row, name, unit string }

// results are all samples, of each metric and side one a turn.
type results struct {
	metrics []metric // in the order in which they were measured first
	samples map[metric]map[string][]float64
}

func newResults() *results { return &results{samples: make(map[metric]map[string][]float64)} }

func (r *results) add(m metric, side string, value float64) {
	if r.samples[m] == nil {
		r.metrics = append(r.metrics, m)
		r.samples[m] = make(map[string][]float64)
	}
	r.samples[m][side] = append(r.samples[m][side], value)
}

// summary is what is left of the turns of one side.
type summary struct{ median, least, most float64 }

// of returns NaN for what was not measured.
func (r *results) of(m metric, side string) summary {
	values := slices.Sorted(slices.Values(r.samples[m][side]))
	if len(values) == 0 {
		return summary{math.NaN(), math.NaN(), math.NaN()}
	}
	half := len(values) / 2
	median := values[half]
	if len(values)%2 == 0 {
		median = (values[half-1] + median) / 2
	}
	return summary{median, values[0], values[len(values)-1]}
}

// find returns the median of a metric by its name.
func (r *results) find(mode, name, side string) float64 {
	for _, m := range r.metrics {
		if m.mode == mode && m.name == name {
			return r.of(m, side).median
		}
	}
	return math.NaN()
}

// sample is one metric of one side in the JSON output.
type sample struct {
	Mode   string    `json:"mode"`
	Row    string    `json:"row"`
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Side   string    `json:"side"`
	Median float64   `json:"median"`
	Turns  []float64 `json:"turns"`
}

// report is the JSON output.
type report struct {
	Samples []sample  `json:"samples"`
	Targets []verdict `json:"targets"`
}

func (r *results) writeJSON(w io.Writer, modes []mode) error {
	var out report
	for _, m := range r.metrics {
		for _, s := range allSides {
			if values := r.samples[m][s.name]; values != nil {
				out.Samples = append(out.Samples, sample{m.mode, m.row, m.name, m.unit, s.name, r.of(m, s.name).median, values})
			}
		}
	}
	for _, mode := range modes {
		out.Targets = append(out.Targets, judge(r, mode.name)...)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}
