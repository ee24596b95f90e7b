// Package browsertest has the tests of the dashboard in a real browser. They need
// Chromium.
package browsertest
