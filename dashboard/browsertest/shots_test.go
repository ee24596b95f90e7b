package browsertest

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/nex-gen-tech/jobsy/dashboard"
)

var update = flag.String("update", "", "write the pictures of the documentation into this `folder`: ../../docs/img")

// TestScreenshots takes the pictures of the documentation. It asserts nothing but
// that the browser has nothing to complain of.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	if *update == "" {
		t.Skip("-update is not set")
	}
	browser := startBrowser(t)
	s := newStock(t)
	home := serveDashboard(t, s, &dashboard.Options{})
	looks := map[string]look{"": wide, "-dark": wide.dark(), "-phone": phone, "-phone-dark": phone.dark()}
	for name, page := range map[string]string{"overview": "", "queue": "queue?queue=mail", "task": at(s.failed.ID), "failed": "failed"} {
		for suffix, l := range looks {
			p := open(t, browser, l)
			p.visit(home + page)
			if p.has("#pause") {
				p.await(`document.querySelector("#pause").dataset.state === "live"`)
			}
			if err := os.WriteFile(filepath.Join(*update, name+suffix+".png"), p.shot(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
