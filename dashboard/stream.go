package dashboard

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

const (
	writeTime = 10 * time.Second // what a viewer has for taking one state
	// streamTime is how long a stream lasts. The browser then connects again,
	// and whether it may is judged anew.
	streamTime = 5 * time.Minute
)

func streamOf(p *page, values url.Values) string {
	kept := url.Values{"page": {p.name}}
	for key, value := range values {
		if key != "did" && key != "n" && key != "missed" && key != "page" {
			kept[key] = value
		}
	}
	return addressOf("events", kept)
}

// stream sends the live part of a page, now and whenever it has changed.
func (d *dashboard) stream(w http.ResponseWriter, r *request) error {
	p := d.site.pages[r.values.Get("page")]
	if p == nil || !p.live {
		return errNoPage
	}
	values := r.values
	ctx, cancel := context.WithTimeout(r.Context(), streamTime)
	defer cancel()
	if _, err := d.load(ctx, p, &params{values: values}); err != nil {
		return err
	}
	v, ok := d.hub.join(values.Encode(), func(ctx context.Context) []byte { return d.poll(ctx, p, values) })
	if !ok {
		return errFull
	}
	defer d.hub.leave(v)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold it back
	send(ctx, w, v)
	return nil
}

// send passes on what is new until ctx ends or the viewer is gone.
func send(ctx context.Context, w http.ResponseWriter, v *viewer) {
	control := http.NewResponseController(w)
	var sent []byte
	for {
		var state []byte
		select {
		case <-ctx.Done():
			return
		case state = <-v.news:
		}
		event := []byte(": still here\n\n")
		if !bytes.Equal(state, sent) {
			event, sent = asEvent(state), state
		}
		_ = control.SetWriteDeadline(time.Now().Add(writeTime)) // not every writer can
		if _, err := w.Write(event); err != nil || control.Flush() != nil {
			return
		}
	}
}

func asEvent(state []byte) []byte {
	event := []byte("event: live\n")
	for line := range bytes.Lines(state) {
		event = append(event, "data: "...)
		event = append(event, bytes.TrimRight(line, "\r\n")...)
		event = append(event, '\n')
	}
	return append(event, '\n')
}

// poll renders the live part of a page. What went wrong is shown in its place.
func (d *dashboard) poll(ctx context.Context, p *page, values url.Values) []byte {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	var body bytes.Buffer
	data, err := d.load(ctx, p, &params{values: values})
	if err == nil {
		err = p.template.ExecuteTemplate(&body, "live", data)
	}
	if err == nil || ctx.Err() == context.Canceled {
		return body.Bytes()
	}
	body.Reset()
	if err := p.template.ExecuteTemplate(&body, "trouble", err.Error()); err != nil {
		d.Logger.Error("dashboard: cannot show an error", slog.Any("error", err))
	}
	return body.Bytes()
}
