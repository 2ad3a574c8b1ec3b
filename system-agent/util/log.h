/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Messages for the reader of the journal. Started by systemd they go to the journal with fields; run by
 * hand they go to standard error as "<level>: text". Debug messages only after log_set_debug(true). */

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

/* Chooses the destination; call once, before anything is logged. */
void log_open(void);
void log_set_debug(bool debug);
bool log_is_debug(void);

/* The general form. @port and @message become the journal's OVIRT_PORT= and OVIRT_MESSAGE= and may be
 * NULL. @error is a negative errno that %m in @format stands for, or 0. Returns @error, so that
 * "return log_error_errno(r, ...)" says and passes on in one statement. */
int log_full(int level, int error, const char *port, const char *message, const char *format, ...)
        __attribute__((format(printf, 5, 6)));

#define log_debug(...) ((void) (log_is_debug() && log_full(LOG_DEBUG, 0, NULL, NULL, __VA_ARGS__)))
#define log_info(...) ((void) log_full(LOG_INFO, 0, NULL, NULL, __VA_ARGS__))
#define log_warning(...) ((void) log_full(LOG_WARNING, 0, NULL, NULL, __VA_ARGS__))
#define log_error(...) ((void) log_full(LOG_ERR, 0, NULL, NULL, __VA_ARGS__))
#define log_debug_errno(error, ...) log_full(LOG_DEBUG, (error), NULL, NULL, __VA_ARGS__)
#define log_info_errno(error, ...) log_full(LOG_INFO, (error), NULL, NULL, __VA_ARGS__)
#define log_warning_errno(error, ...) log_full(LOG_WARNING, (error), NULL, NULL, __VA_ARGS__)
#define log_error_errno(error, ...) log_full(LOG_ERR, (error), NULL, NULL, __VA_ARGS__)

/* For whatever a host or a user can trigger at will: lets @burst messages through in each @interval_usec,
 * counts the rest, and reports the count once with the next one that passes. */
typedef struct RateLimit {
        uint64_t interval_usec;
        unsigned burst;
        /* state */
        uint64_t begin_usec;
        unsigned n, suppressed;
} RateLimit;

/* True if a message may be logged now; *ret_suppressed is how many were held back since the last. */
bool rate_limit(RateLimit *rl, unsigned *ret_suppressed);
