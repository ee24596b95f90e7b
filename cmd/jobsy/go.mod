module github.com/nex-gen-tech/jobsy/cmd/jobsy

go 1.26.0

replace github.com/nex-gen-tech/jobsy => ../../

require (
	github.com/google/uuid v1.6.0
	github.com/nex-gen-tech/jobsy v0.0.0
	github.com/redis/go-redis/v9 v9.23.0
	github.com/spf13/cobra v1.10.2
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/robfig/cron/v3 v3.0.1 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	go.uber.org/atomic v1.12.0 // indirect
)
