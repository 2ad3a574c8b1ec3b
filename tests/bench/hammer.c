/* SPDX-License-Identifier: Apache-2.0 */

/* The host's side of a measurement: sends one request again and again over a connected descriptor, with at
 * most WINDOW of them unanswered, and counts the lines that contain ANSWER. Prints the nanoseconds it all
 * took and, for a window of one, the median of the round trips. Lines that nobody asked for are skipped. */

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SILENCE_MSEC 5000

static uint64_t now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * UINT64_C(1000000000) + (uint64_t) t.tv_nsec;
}

static int compare(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return x < y ? -1 : x > y;
}

static void die(const char *what) {
        perror(what);
        exit(EXIT_FAILURE);
}

int main(int argc, char **argv) {
        static char input[1 << 20];
        size_t n_input = 0, sent = 0, answered = 0, pending = 0, written = 0;

        if (argc != 6) {
                fprintf(stderr, "Usage: %s FD COUNT WINDOW REQUEST ANSWER\n", argv[0]);
                return 2;
        }
        int fd = (int) strtol(argv[1], NULL, 10);
        size_t count = strtoul(argv[2], NULL, 10), window = strtoul(argv[3], NULL, 10);
        size_t n_request = strlen(argv[4]) + 1, n_answer = strlen(argv[5]);
        uint64_t *trips = calloc(count, sizeof(uint64_t)), begin = now(), asked = begin;
        char *output = malloc(window * n_request);

        if (!trips || !output)
                die("memory");
        while (answered < count) {
                /* Half a window at a time: a host that writes each line alone measures itself. */
                if (pending == 0 && sent - answered <= window / 2)
                        for (written = 0; sent < count && sent - answered < window; sent++) {
                                memcpy(output + pending, argv[4], n_request - 1);
                                output[pending + n_request - 1] = '\n';
                                pending += n_request;
                        }
                if (window == 1 && written == 0)
                        asked = now();
                if (written < pending) {
                        ssize_t n = write(fd, output + written, pending - written);

                        if (n < 0 && errno != EAGAIN)
                                die("write");
                        written += n > 0 ? (size_t) n : 0;
                }
                if (written == pending)
                        pending = 0;

                struct pollfd pfd = {.fd = fd, .events = (short) (POLLIN | (pending > 0 ? POLLOUT : 0))};
                if (poll(&pfd, 1, SILENCE_MSEC) <= 0)
                        die("no answer");
                if (!(pfd.revents & (POLLIN | POLLHUP)))
                        continue;
                ssize_t n = read(fd, input + n_input, sizeof(input) - n_input);
                if (n == 0 || (n < 0 && errno != EAGAIN))
                        die("read");
                n_input += n > 0 ? (size_t) n : 0;

                char *line = input, *end;
                while ((end = memchr(line, '\n', (size_t) (input + n_input - line)))) {
                        if (memmem(line, (size_t) (end - line), argv[5], n_answer) && answered < count)
                                trips[answered++] = now() - asked;
                        line = end + 1;
                }
                n_input = (size_t) (input + n_input - line);
                memmove(input, line, n_input);
        }

        uint64_t took = now() - begin;
        qsort(trips, count, sizeof(*trips), compare);
        printf("%ju %ju\n", (uintmax_t) took, (uintmax_t) (window == 1 ? trips[count / 2] : 0));
        free(trips);
        free(output);
        return 0;
}
