/* SPDX-License-Identifier: Apache-2.0 */
#include "cred-client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_AGAIN_MS 20

static int64_t now_ms(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until @fd is ready. Returns 0, or -ETIMEDOUT at the deadline. */
static int wait_for(int fd, short events, int64_t deadline) {
        for (;;) {
                struct pollfd p = {.fd = fd, .events = events};
                int64_t left = deadline - now_ms();
                int n;

                if (left <= 0)
                        return -ETIMEDOUT;
                n = poll(&p, 1, (int) left);
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
        }
}

static int connect_to(int fd, const char *path, int64_t deadline) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path) + 1);
        while (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0) {
                /* EAGAIN: as many others as may wait do so, and nothing tells when they no longer do. */
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
                if (now_ms() >= deadline)
                        return -ETIMEDOUT;
                (void) poll(NULL, 0, CONNECT_AGAIN_MS);
        }
        return 0;
}

/* Only root may know the token, and only root may say who is to be logged in. */
static int check_peer(int fd) {
        struct ucred peer;
        socklen_t n = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
                return -errno;
        return peer.uid == 0 ? 0 : -EPERM;
}

static int send_request(int fd, const char *token, int64_t deadline) {
        uint8_t request[CRED_REQUEST_SIZE];
        size_t done = 0;
        int r = 0;

        cred_request_encode(token, request);
        while (r == 0 && done < sizeof(request)) {
                ssize_t n = send(fd, request + done, sizeof(request) - done, MSG_NOSIGNAL);

                if (n >= 0)
                        done += (size_t) n;
                else if (errno == EAGAIN)
                        r = wait_for(fd, POLLOUT, deadline);
                else if (errno != EINTR)
                        r = errno == EPIPE ? -ECONNRESET : -errno;
        }
        explicit_bzero(request, sizeof(request));
        return r;
}

static int receive_reply(int fd, uint8_t buffer[static CRED_REPLY_MAX], CredReply *ret, int64_t deadline) {
        size_t n_bytes = 0;

        for (;;) {
                ssize_t n;
                int r;

                r = wait_for(fd, POLLIN, deadline);
                if (r < 0)
                        return r;
                n = recv(fd, buffer + n_bytes, CRED_REPLY_MAX - n_bytes, 0);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -ECONNRESET;
                n_bytes += (size_t) n;

                r = cred_reply_decode(buffer, n_bytes, ret);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
}

int cred_client_fetch(const char *path, const char *token, unsigned timeout_ms,
                      uint8_t buffer[static CRED_REPLY_MAX], CredReply *ret) {
        int64_t deadline = now_ms() + timeout_ms;
        int fd, r;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        r = connect_to(fd, path, deadline);
        if (r >= 0)
                r = check_peer(fd);
        if (r >= 0)
                r = send_request(fd, token, deadline);
        if (r >= 0)
                r = receive_reply(fd, buffer, ret, deadline);
        (void) close(fd);
        return r;
}
