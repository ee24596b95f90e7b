package scheduler

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/nex-gen-tech/jobsy/task"
)

const maxSpec = 1024 // bytes

var parser = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour |
	cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// parseSpec understands a spec. A time zone that it names wins over the given
// one. The error is a *task.FieldError.
func parseSpec(spec string, zone *time.Location) (timing, error) {
	if len(spec) > maxSpec {
		rule := fmt.Sprintf("must be at most %d bytes", maxSpec)
		return nil, &task.FieldError{Field: "spec", Rule: rule, Value: fmt.Sprint(len(spec))}
	}
	fields := strings.Fields(spec)
	if len(fields) > 0 {
		if name, ok := zoneName(fields[0]); ok {
			named, err := time.LoadLocation(name)
			if err != nil {
				return nil, malformed(spec, err.Error())
			}
			zone, fields = named, fields[1:]
		}
	}
	if len(fields) == 2 && fields[0] == "@every" {
		return parseInterval(spec, fields[1])
	}
	return parseCalendar(spec, fields, zone)
}

func zoneName(field string) (string, bool) {
	if name, ok := strings.CutPrefix(field, "CRON_TZ="); ok {
		return name, true
	}
	return strings.CutPrefix(field, "TZ=")
}

func parseInterval(spec, text string) (timing, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return nil, malformed(spec, strings.TrimPrefix(err.Error(), "time: "))
	}
	if err := checkInterval("spec", d); err != nil {
		return nil, err
	}
	return interval(d), nil
}

func parseCalendar(spec string, fields []string, zone *time.Location) (timing, error) {
	if len(fields) == 0 {
		return nil, malformed(spec, "it has no fields")
	}
	if _, ok := zoneName(fields[0]); ok { // the parser panics on some of these
		return nil, malformed(spec, "it names two time zones")
	}
	parsed, err := parser.Parse(strings.Join(fields, " "))
	if err != nil {
		return nil, malformed(spec, err.Error())
	}
	bits, ok := parsed.(*cron.SpecSchedule)
	if !ok { // "@every" is parsed above
		return nil, malformed(spec, "it is not understood")
	}
	c := newCalendar(bits, zone)
	if !c.fires() {
		return nil, &task.FieldError{Field: "spec", Rule: "must name a time that comes", Value: shorten(spec)}
	}
	return c, nil
}

func malformed(spec, reason string) error {
	return &task.FieldError{Field: "spec", Rule: "must be a cron spec (" + reason + ")", Value: shorten(spec)}
}
