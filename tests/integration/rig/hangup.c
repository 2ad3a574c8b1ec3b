/* SPDX-License-Identifier: Apache-2.0 */

/* To be preloaded: makes the hangup of a terminal, which is IN|OUT|ERR|HUP, look like that of a virtio port,
 * of which kernels have said IN|HUP and OUT|HUP. $OVIRT_TEST_HANGUP is "in" or "out". Everything else is the
 * kernel's: when it says so and how often, and that there is nothing to read. */

#include <dlfcn.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#define TERMINALS_MAX 16

static uint64_t terminals[TERMINALS_MAX]; /* as epoll knows them */
static size_t n_terminals;

static void *next(const char *name) {
        void *f = dlsym(RTLD_NEXT, name);

        if (!f)
                abort();
        return f;
}

/* isatty() asks the terminal, which does not answer once it is hung up. */
static bool is_terminal(int fd) {
        struct stat st;

        return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode);
}

/* The bits are epoll's and poll()'s alike. */
static uint32_t disguise(uint32_t events) {
        const char *how = getenv("OVIRT_TEST_HANGUP");

        if (!how || !(events & POLLHUP))
                return events;
        return (events & ~(uint32_t) (POLLIN | POLLOUT | POLLERR)) |
               (strcmp(how, "in") == 0 ? POLLIN : POLLOUT);
}

int poll(struct pollfd *fds, nfds_t n, int timeout) {
        int (*real)(struct pollfd *, nfds_t, int) = next("poll");
        int r = real(fds, n, timeout);

        for (nfds_t i = 0; r > 0 && i < n; i++)
                if (is_terminal(fds[i].fd))
                        fds[i].revents = (short) disguise((uint32_t) fds[i].revents);
        return r;
}

int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size) {
        return poll(fds, n, timeout);
}

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event) {
        int (*real)(int, int, int, struct epoll_event *) = next("epoll_ctl");

        if (op == EPOLL_CTL_ADD && is_terminal(fd) && n_terminals < TERMINALS_MAX)
                terminals[n_terminals++] = event->data.u64;
        return real(epfd, op, fd, event);
}

static int disguise_all(struct epoll_event *events, int n) {
        for (int i = 0; i < n; i++)
                for (size_t k = 0; k < n_terminals; k++)
                        if (events[i].data.u64 == terminals[k])
                                events[i].events = disguise(events[i].events);
        return n;
}

int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout) {
        int (*real)(int, struct epoll_event *, int, int) = next("epoll_wait");

        return disguise_all(events, real(epfd, events, max, timeout));
}

int epoll_pwait2(int epfd, struct epoll_event *events, int max, const struct timespec *timeout,
                 const sigset_t *mask) {
        int (*real)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *) =
                next("epoll_pwait2");

        return disguise_all(events, real(epfd, events, max, timeout, mask));
}
