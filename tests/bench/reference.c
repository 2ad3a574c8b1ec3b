/* SPDX-License-Identifier: Apache-2.0 */

/* The least that heartbeat and echo cost: one epoll, one timer, no library but the C library. A heartbeat
 * says what the agent's does, read from the same two files; an echo is given back as it came, unparsed. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_IN (64 * 1024)
#define FULL_EVERY 12 /* heartbeats with "memory-stat": one a minute at five seconds */

static char input[LINE_MAX_IN];
static size_t n_input;

static int open_port(const char *path) {
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        struct termios t;
        struct stat st;
        int fd;

        if (stat(path, &st) < 0)
                return -1;
        if (S_ISSOCK(st.st_mode)) {
                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
                if (fd < 0 || strlen(path) >= sizeof(sa.sun_path))
                        return -1;
                memcpy(sa.sun_path, path, strlen(path) + 1);
                return connect(fd, (const struct sockaddr *) &sa, sizeof(sa)) < 0 ? -1 : fd;
        }
        fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0 && tcgetattr(fd, &t) >= 0) {
                cfmakeraw(&t);
                (void) tcsetattr(fd, TCSANOW, &t);
        }
        return fd;
}

static bool write_all(int fd, const char *data, size_t n) {
        while (n > 0) {
                ssize_t k = write(fd, data, n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return false;
                data += k;
                n -= (size_t) k;
        }
        return true;
}

static bool read_text(const char *path, char *buffer, size_t size) {
        size_t n = 0;
        ssize_t k;
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return false;
        while (n < size - 1 && (k = read(fd, buffer + n, size - 1 - n)) > 0)
                n += (size_t) k;
        buffer[n] = 0;
        (void) close(fd);
        return n > 0;
}

/* The number after @name at the beginning of a line. */
static uint64_t number(const char *text, const char *name) {
        size_t n = strlen(name);

        for (const char *p = text; p; p = strchr(p, '\n')) {
                p += *p == '\n';
                if (strncmp(p, name, n) == 0)
                        return strtoull(p + n, NULL, 10);
        }
        return 0;
}

static bool send_heartbeat(int fd, unsigned beat) {
        static uint64_t last_in, last_out, last_faults, last_major;
        static char meminfo[16384], vmstat[65536];
        char line[1024];
        int n;

        if (!read_text("/proc/meminfo", meminfo, sizeof(meminfo)) ||
            !read_text("/proc/vmstat", vmstat, sizeof(vmstat)))
                return false;

        uint64_t total = number(meminfo, "MemTotal:"), unused = number(meminfo, "MemFree:"),
                 buffers = number(meminfo, "Buffers:"), cached = number(meminfo, "Cached:"),
                 swap = number(meminfo, "SwapTotal:"), swap_free = number(meminfo, "SwapFree:"),
                 in = number(vmstat, "pswpin "), out = number(vmstat, "pswpout "),
                 faults = number(vmstat, "pgfault "), major = number(vmstat, "pgmajfault ");

        n = snprintf(line, sizeof(line), "{\"__name__\":\"heartbeat\",\"free-ram\":\"%" PRIu64 "\"",
                     number(meminfo, "MemAvailable:") / 1024);
        if (beat < 2 || beat % FULL_EVERY == 0)
                n += snprintf(
                        line + n, sizeof(line) - (size_t) n,
                        ",\"memory-stat\":{\"mem_total\":%" PRIu64 ",\"mem_unused\":%" PRIu64
                        ",\"mem_free\":%" PRIu64 ",\"mem_buffers\":%" PRIu64 ",\"mem_cached\":%" PRIu64
                        ",\"swap_in\":%" PRIu64 ",\"swap_out\":%" PRIu64 ",\"pageflt\":%" PRIu64
                        ",\"majflt\":%" PRIu64 ",\"swap_usage\":%" PRIu64 ",\"swap_total\":%" PRIu64 "}",
                        total, unused, unused + buffers + cached, buffers, cached, in - last_in,
                        out - last_out, faults - last_faults, major - last_major, swap - swap_free, swap);
        n += snprintf(line + n, sizeof(line) - (size_t) n, ",\"apiVersion\":%d}\n", beat == 0 ? 0 : 3);
        last_in = in;
        last_out = out;
        last_faults = faults;
        last_major = major;
        return write_all(fd, line, (size_t) n);
}

/* Gives each whole line that is an echo back, all of one read in one write. */
static bool answer(int fd) {
        static char output[LINE_MAX_IN];
        ssize_t n = read(fd, input + n_input, sizeof(input) - n_input);
        char *line = input, *end;
        size_t n_output = 0;

        if (n <= 0)
                return n < 0 && (errno == EINTR || errno == EAGAIN);
        n_input += (size_t) n;
        while ((end = memchr(line, '\n', (size_t) (input + n_input - line)))) {
                size_t length = (size_t) (end - line) + 1;

                if (memmem(line, length, "\"echo\"", 6)) {
                        memcpy(output + n_output, line, length);
                        n_output += length;
                }
                line = end + 1;
        }
        n_input = (size_t) (input + n_input - line);
        memmove(input, line, n_input);
        if (n_input == sizeof(input))
                n_input = 0;
        return write_all(fd, output, n_output);
}

int main(int argc, char **argv) {
        int port, timer, epoll;
        unsigned beat = 0;

        if (argc != 3) {
                fprintf(stderr, "Usage: %s PORT SECONDS\n", argv[0]);
                return 2;
        }
        port = open_port(argv[1]);
        timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        epoll = epoll_create1(EPOLL_CLOEXEC);
        if (port < 0 || timer < 0 || epoll < 0 || !send_heartbeat(port, beat++)) {
                perror(argv[1]);
                return 1;
        }

        time_t seconds = (time_t) strtoul(argv[2], NULL, 10);
        struct itimerspec interval = {{.tv_sec = seconds}, {.tv_sec = seconds}};
        struct epoll_event port_event = {.events = EPOLLIN, .data.fd = port},
                           timer_event = {.events = EPOLLIN, .data.fd = timer}, e;
        if (timerfd_settime(timer, 0, &interval, NULL) < 0 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, port, &port_event) < 0 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &timer_event) < 0) {
                perror("epoll");
                return 1;
        }

        for (;;) {
                uint64_t ticks;

                if (epoll_wait(epoll, &e, 1, -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return 1;
                }
                if (e.data.fd == port && !answer(port))
                        return 0;
                if (e.data.fd == timer &&
                    (read(timer, &ticks, sizeof(ticks)) != sizeof(ticks) || !send_heartbeat(port, beat++)))
                        return 0;
        }
}
