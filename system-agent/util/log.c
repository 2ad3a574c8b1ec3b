/* SPDX-License-Identifier: Apache-2.0 */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#define MESSAGE_MAX 2048

static bool arg_debug = false;
static bool to_journal = false;

/* systemd names device and inode of the stream it made of our standard error; somebody may have redirected
 * it since, so compare. */
static bool stderr_is_journal(void) {
        const char *e = getenv("JOURNAL_STREAM");
        unsigned long long dev, ino;
        struct stat st;

        return e && sscanf(e, "%llu:%llu", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) >= 0 &&
               st.st_dev == dev && st.st_ino == ino;
}

void log_open(void) {
        to_journal = stderr_is_journal();
}

void log_set_debug(bool debug) {
        arg_debug = debug;
}

bool log_is_debug(void) {
        return arg_debug;
}

static const char *level_name(int level) {
        switch (level) {
        case LOG_ERR:
                return "error: ";
        case LOG_WARNING:
                return "warning: ";
        case LOG_DEBUG:
                return "debug: ";
        default:
                return "";
        }
}

/* One field of a journal entry, "NAME=value", in a buffer of the caller's. */
static struct iovec field(char *buffer, size_t size, const char *name, const char *value) {
        int n = snprintf(buffer, size, "%s=%s", name, value);

        return (struct iovec){buffer, (size_t) n < size ? (size_t) n : size - 1};
}

int log_full(int level, int error, const char *port, const char *message, const char *format, ...) {
        char text[MESSAGE_MAX], text_field[MESSAGE_MAX + 16], level_field[16], port_field[256],
                message_field[128];
        va_list ap;

        if (level == LOG_DEBUG && !arg_debug)
                return error;

        if (error != 0)
                errno = -error; /* for %m */
        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);

        if (!to_journal) {
                fprintf(stderr, "%s%s\n", level_name(level), text);
                return error;
        }

        char digit[2] = {'0' + (level & 7), 0};
        struct iovec iov[5];
        int n = 0;
        iov[n++] = field(text_field, sizeof(text_field), "MESSAGE", text);
        iov[n++] = field(level_field, sizeof(level_field), "PRIORITY", digit);
        iov[n++] = (struct iovec){(char *) "SYSLOG_IDENTIFIER=ovirt-system-agent",
                                  strlen("SYSLOG_IDENTIFIER=ovirt-system-agent")};
        if (port)
                iov[n++] = field(port_field, sizeof(port_field), "OVIRT_PORT", port);
        if (message)
                iov[n++] = field(message_field, sizeof(message_field), "OVIRT_MESSAGE", message);
        (void) sd_journal_sendv(iov, n);
        return error;
}

static uint64_t now_usec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

bool rate_limit(RateLimit *rl, unsigned *ret_suppressed) {
        uint64_t now = now_usec();

        if (rl->begin_usec == 0 || now - rl->begin_usec >= rl->interval_usec) {
                rl->begin_usec = now;
                rl->n = 0;
        }
        if (rl->n >= rl->burst) {
                rl->suppressed++;
                return false;
        }
        rl->n++;
        if (ret_suppressed)
                *ret_suppressed = rl->suppressed;
        rl->suppressed = 0;
        return true;
}
