package main

import (
	"log/slog"
	"net/http"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
)

// site is what the visitor sees.
type site struct {
	client *jobsy.Client
	look   broker.Inspector
	log    *slog.Logger
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("POST /letters", s.enqueue)
	mux.HandleFunc("GET /tasks/{id}", s.follow)
	mux.HandleFunc("GET /style.css", style)
	return guard(http.NewCrossOriginProtection().Handler(mux))
}

// guard tells browsers to run no script, load nothing from elsewhere, and keep
// no copy of a page that changes.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (s *site) home(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusOK, "home.html", nil)
}

// fail answers with a page that says what went wrong.
func (s *site) fail(w http.ResponseWriter, code int, message string) {
	s.show(w, code, "error.html", message)
}
