package redis

// Dial returns the client that Open uses.
var Dial = dialer
