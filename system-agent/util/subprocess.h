/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Work that may take long or never end, done by a child: bounded in time and output, never waited for. */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "util/cleanup.h"

typedef struct Subprocess Subprocess;

/* Runs in the child, writes its result to @fd, returns the exit status. The child is a copy of this process
 * with no descriptor open but 0, 1, 2 and @fd, no signal blocked, and dies with its parent. */
typedef int (*SubprocessFunction)(int fd, void *userdata);

/* The child has ended, or time is up. @output are the @n bytes that it wrote, NUL-terminated, valid during
 * the call. @error is 0 if it exited with status 0 in time; else -ETIMEDOUT, -EFBIG (too much output) or
 * -EIO (it failed or crashed). The Subprocess may be freed from here. */
typedef void (*SubprocessDone)(int error, const char *output, size_t n, void *userdata);

typedef struct SubprocessLimits {
        uint64_t time_usec;
        size_t output_max;
        bool output_cut; /* what exceeds it is thrown away, and no reason to end the child */
        int input;       /* what the child's standard input is; 0 is ours */
} SubprocessLimits;

/* Forks a child that runs @function. @done is called once, from the event loop. SIGCHLD must be blocked. */
int subprocess_start(Subprocess **ret, sd_event *event, const SubprocessLimits *limits,
                     SubprocessFunction function, void *function_userdata, SubprocessDone done,
                     void *done_userdata);

/* For @done, unless time is up: the child's exit status; 128 and the signal's number if one ended it. */
int subprocess_exit_status(const Subprocess *s);

/* True until the kernel has let go of the child: one that hangs on a dead network mount outlives its
 * SIGKILL, and nobody should start another beside it. False for NULL. */
bool subprocess_exists(const Subprocess *s);

/* Kills the child if there is still one; @done is not called any more. */
Subprocess *subprocess_free(Subprocess *s);
DEFINE_CLEANUP(Subprocess, subprocess_free)

/* Writes all of @data, also through interruptions and short writes. For the child's side. 0 or errno. */
int write_all(int fd, const char *data, size_t n);
