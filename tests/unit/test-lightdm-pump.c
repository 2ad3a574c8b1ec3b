/* SPDX-License-Identifier: Apache-2.0 */
#include "pump.h"

#include <fcntl.h>
#include <string.h>

#include "greeter-wire.h"

#define TOKEN "0123456789abcdef0123456789abcdef"
#define CONNECT "\0\0\0\0\0\0\0\5\0\0\0\1v"
#define CONNECTED CONNECT
#define BEGIN "\0\0\0\1\0\0\0\x14\x80\0\0\1\0\0\0\14:ovirt-token"

/* LightDM and the greeter: the ends of the pipes that the pump does not have. */
typedef struct Bed {
        sd_event *event;
        Pump *pump;
        int server_in, server_out, greeter_in, greeter_out;
} Bed;

static void make_pipe(int *ret_read, int *ret_write) {
        int pair[2];

        g_assert_cmpint(pipe2(pair, O_CLOEXEC), ==, 0);
        *ret_read = pair[0];
        *ret_write = pair[1];
}

static Bed *bed_new(void) {
        Bed *b = g_new0(Bed, 1);
        PumpEnds server, greeter;

        make_pipe(&b->server_in, &server.out);
        make_pipe(&server.in, &b->server_out);
        make_pipe(&b->greeter_in, &greeter.out);
        make_pipe(&greeter.in, &b->greeter_out);
        g_assert_cmpint(fcntl(b->server_in, F_SETFL, O_NONBLOCK), ==, 0);
        g_assert_cmpint(fcntl(b->greeter_in, F_SETFL, O_NONBLOCK), ==, 0);
        g_assert_cmpint(sd_event_new(&b->event), >=, 0);
        g_assert_cmpint(pump_new(&b->pump, b->event, server, greeter), ==, 0);
        return b;
}

static void bed_free(Bed *b) {
        pump_free(b->pump);
        sd_event_unref(b->event);
        (void) safe_close(b->server_in);
        (void) safe_close(b->server_out);
        (void) safe_close(b->greeter_in);
        (void) safe_close(b->greeter_out);
        g_free(b);
}

/* Until there is nothing left to do. */
static void turn(Bed *b) {
        while (sd_event_run(b->event, 0) > 0)
                ;
}

static void put(int fd, const void *data, size_t n) {
        g_assert_cmpint(write(fd, data, n), ==, (ssize_t) n);
}

static void expect(Bed *b, int fd, const void *data, size_t n) {
        uint8_t buffer[1024];
        ssize_t got;

        turn(b);
        got = read(fd, buffer, sizeof(buffer));
        g_assert_cmpmem(buffer, (size_t) MAX(got, 0), data, n);
}

#define PUT(fd, s) put((fd), (s), sizeof(s) - 1)
#define EXPECT(b, fd, s) expect((b), (fd), (s), sizeof(s) - 1)

static void test_both_ways(void) {
        Bed *b = bed_new();

        PUT(b->greeter_out, CONNECT "\0\0\0\5\0\0");
        EXPECT(b, b->server_in, CONNECT);
        PUT(b->greeter_out, "\0\0");
        EXPECT(b, b->server_in, "\0\0\0\5\0\0\0\0");
        PUT(b->server_out, CONNECTED "\0\0\0\5\0\0\0\0");
        EXPECT(b, b->greeter_in, CONNECTED "\0\0\0\5\0\0\0\0");
        bed_free(b);
}

/* While an attempt is under way, what the greeter says stays in its pipe. */
static void test_held(void) {
        Bed *b = bed_new();

        PUT(b->server_out, CONNECTED);
        EXPECT(b, b->greeter_in, CONNECTED);
        PUT(b->greeter_out, "\0\0\0\1\0\0");
        turn(b);
        pump_offer(b->pump, TOKEN);
        EXPECT(b, b->server_in, BEGIN);
        PUT(b->greeter_out, "\0\x8\0\0\0\1\0\0\0\0");
        EXPECT(b, b->server_in, "");
        /* Refused: now it passes. */
        PUT(b->server_out, "\0\0\0\2\0\0\0\14\x80\0\0\1\0\0\0\0\0\0\0\7");
        EXPECT(b, b->server_in, "\0\0\0\1\0\0\0\x8\0\0\0\1\0\0\0\0");
        EXPECT(b, b->greeter_in, "");
        bed_free(b);
}

/* Who does not read is waited for, and his messages are whole and in order when he does. */
static void test_reader_that_sleeps(void) {
        static const uint8_t idle[] = {0, 0, 0, 99, 0, 0, 0, 0};
        Bed *b = bed_new();
        size_t sent = 0, got = 0;
        uint8_t buffer[sizeof(idle) * 512];
        ssize_t n;

        g_assert_cmpint(fcntl(b->server_out, F_SETFL, O_NONBLOCK), ==, 0);
        for (int full = 0; full < 2; turn(b)) {
                n = write(b->server_out, idle, sizeof(idle));
                full = n > 0 ? 0 : full + 1;
                sent += n > 0 ? (size_t) n : 0;
        }
        /* Two pipes and a buffer between them. */
        g_assert_cmpuint(sent, >, 128 * 1024);
        g_assert_cmpuint(sent, <, 256 * 1024);
        for (; got < sent; turn(b)) {
                n = read(b->greeter_in, buffer, sizeof(buffer));
                g_assert_cmpint(n, >, 0);
                for (ssize_t i = 0; i < n; i++, got++)
                        g_assert_cmpuint(buffer[i], ==, idle[got % sizeof(idle)]);
        }
        bed_free(b);
}

static bool is_over(Bed *b, int fd) {
        uint8_t byte;

        turn(b);
        return read(fd, &byte, 1) == 0;
}

static void test_end(void) {
        Bed *b = bed_new();

        b->greeter_out = safe_close(b->greeter_out);
        g_assert_true(is_over(b, b->server_in));
        g_assert_false(is_over(b, b->greeter_in));
        b->server_out = safe_close(b->server_out);
        g_assert_true(is_over(b, b->greeter_in));
        /* Nobody is left to be logged in. */
        pump_offer(b->pump, TOKEN);
        turn(b);
        bed_free(b);
}

static void test_reader_that_leaves(void) {
        Bed *b = bed_new();

        b->greeter_in = safe_close(b->greeter_in);
        turn(b);
        g_assert_cmpint(write(b->server_out, CONNECTED, 13), ==, -1);
        g_assert_cmpint(errno, ==, EPIPE);
        bed_free(b);
}

static void test_garbage(void) {
        Bed *b = bed_new();

        PUT(b->greeter_out, CONNECT "\0\0\0\1\xff\xff\xff\xff");
        EXPECT(b, b->server_in, CONNECT);
        g_assert_true(is_over(b, b->server_in));
        bed_free(b);
}

int main(int argc, char **argv) {
        (void) signal(SIGPIPE, SIG_IGN);
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/pump/both-ways", test_both_ways);
        g_test_add_func("/pump/held", test_held);
        g_test_add_func("/pump/reader-that-sleeps", test_reader_that_sleeps);
        g_test_add_func("/pump/end", test_end);
        g_test_add_func("/pump/reader-that-leaves", test_reader_that_leaves);
        g_test_add_func("/pump/garbage", test_garbage);
        return g_test_run();
}
