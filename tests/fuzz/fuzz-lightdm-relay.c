/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "greeter-wire.h"
#include "relay.h"

#include <glib.h>
#include <string.h>

#define TOKEN "0123456789abcdef0123456789abcdef"

static bool is_waiting;

static void check(const uint8_t *frame, size_t n, void *userdata) {
        g_assert_cmpint(greeter_frame_length(frame, n), ==, (int) n);
}

static void step(bool waiting, void *userdata) {
        is_waiting = waiting;
}

static const RelayOps ops = {check, check, step};

/* A byte says what happens, and messages follow the first two kinds as they would come through a pipe.
 * Whatever happens, whole messages are sent, and a greeter that waits does so with a time limit. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autoptr(GByteArray) exact = g_byte_array_new();
        Relay *relay = relay_new(&ops, NULL);

        is_waiting = false;
        while (n > 0) {
                uint8_t what = *data++;
                int length = greeter_frame_length(data, --n);

                if (what == 't')
                        relay_offer(relay, TOKEN);
                else if (what == 'x')
                        relay_give_up(relay);
                else if (length > 0) {
                        g_byte_array_set_size(exact, 0);
                        g_byte_array_append(exact, data, (unsigned) length);
                        if (what == 's')
                                relay_from_server(relay, exact->data, exact->len);
                        else if (!relay_is_attempting(relay))
                                relay_from_greeter(relay, exact->data, exact->len);
                        data += length;
                        n -= (size_t) length;
                } else
                        break;
                g_assert_true(is_waiting == relay_is_attempting(relay));
        }
        relay_free(relay);
        return 0;
}
