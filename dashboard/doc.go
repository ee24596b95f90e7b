// Package dashboard shows what a broker holds in a browser, and lets operators
// step in: an http.Handler with its pages inside, to be mounted anywhere.
//
//	mux.Handle("/jobs/", dashboard.New(b, &dashboard.Options{Authenticate: who}))
//
// It needs no path of its own to be told: it looks at the last part of a path
// alone, and all its links are relative, behind http.StripPrefix or a proxy as
// well. Pages can be read without script; with it, they follow what happens.
//
// What tasks say of themselves is taken for hostile, wherever it is shown. Changes
// are made only by POST from the same origin, by those whose Role is Operator, and
// each leaves a line in the log.
//
// Nothing runs while nobody looks. A page that follows what happens holds its
// connection open, and http.Server.Shutdown waits for it: give the server a
// BaseContext that ends first.
package dashboard
