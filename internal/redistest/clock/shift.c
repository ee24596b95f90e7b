// A library to be loaded before others: the wall clock of the process shows so
// many seconds more as the file JOBSY_CLOCK holds, a 64 bit number. It allocates
// nothing, for allocators look at the clock.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t shift(void) {
	static volatile int64_t *shared;
	if (!shared) {
		const char *path = getenv("JOBSY_CLOCK");
		int file = path ? open(path, O_RDONLY) : -1;
		if (file < 0) return 0;
		void *page = mmap(NULL, sizeof *shared, PROT_READ, MAP_SHARED, file, 0);
		close(file);
		if (page == MAP_FAILED) return 0;
		shared = page;
	}
	return *shared;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
	int result = syscall(SYS_clock_gettime, clock, at);
	if (result == 0 && clock == CLOCK_REALTIME) at->tv_sec += shift();
	return result;
}

int gettimeofday(struct timeval *at, void *zone) {
	(void)zone;
	struct timespec now;
	int result = clock_gettime(CLOCK_REALTIME, &now);
	at->tv_sec = now.tv_sec;
	at->tv_usec = now.tv_nsec / 1000;
	return result;
}

time_t time(time_t *at) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (at) *at = now.tv_sec;
	return now.tv_sec;
}
