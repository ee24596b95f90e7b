// Tests of the dashboard in a real browser. They have a module to themselves, so
// that what drives the browser never enters the build of somebody who uses Jobsy.
module github.com/nex-gen-tech/jobsy/dashboard/browsertest

go 1.26.0

replace github.com/nex-gen-tech/jobsy => ../../

require (
	github.com/chromedp/cdproto v0.0.0-20260320225252-cf654f46fc63
	github.com/chromedp/chromedp v0.15.0
	github.com/google/uuid v1.6.0
	github.com/nex-gen-tech/jobsy v0.0.0
)

require (
	github.com/chromedp/sysutil v1.1.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260214004413-d219187c3433 // indirect
	github.com/gobwas/httphead v0.1.0 // indirect
	github.com/gobwas/pool v0.2.1 // indirect
	github.com/gobwas/ws v1.4.0 // indirect
	github.com/robfig/cron/v3 v3.0.1 // indirect
	golang.org/x/sys v0.48.0 // indirect
)
