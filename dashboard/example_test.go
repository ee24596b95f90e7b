package dashboard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/dashboard"
	"github.com/nex-gen-tech/jobsy/task"
)

func ExampleNew() {
	b := memory.New(nil) // or redis.Open
	defer b.Close()

	mux := http.NewServeMux()
	mux.Handle("/jobs/", dashboard.New(b, &dashboard.Options{
		Authenticate: func(r *http.Request) (string, bool) {
			user, password, ok := r.BasicAuth()
			return user, ok && password == "secret" // as your site does it
		},
		Role: func(_ *http.Request, user string) dashboard.Role {
			if user == "ada" {
				return dashboard.Operator
			}
			return dashboard.Reader
		},
		Redact: func(t *task.Task) { delete(t.Headers, "Authorization") },
	}))

	r := httptest.NewRequest(http.MethodGet, "/jobs/tasks", nil)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code)
	r.SetBasicAuth("ada", "secret")
	w = httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// 401
	// 200
}
