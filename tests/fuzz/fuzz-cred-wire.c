/* SPDX-License-Identifier: Apache-2.0 */
#include "cred-wire.h"
#include "fuzz.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

/* Whatever is accepted is what the encoder would have written, and each beginning of it is waited for. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        g_autofree uint8_t *exact = g_memdup2(data, n);
        uint8_t again[CRED_REPLY_MAX];
        const char *token;
        CredReply reply;
        int request = cred_request_decode(exact, n, &token), answer = cred_reply_decode(exact, n, &reply);

        g_assert_true(request == 1 || request == 0 || request == -EBADMSG);
        g_assert_true(answer == 1 || answer == 0 || answer == -EBADMSG);
        g_assert_false(request == 1 && answer == 1);
        if (request == 1) {
                cred_request_encode(token, again);
                g_assert_cmpmem(again, CRED_REQUEST_SIZE, data, n);
        }
        if (answer == 1) {
                int length = cred_reply_encode(&reply, again);

                g_assert_cmpint(length, >, 0);
                g_assert_cmpmem(again, (size_t) length, data, n);
        }
        for (size_t k = 0; k < n && (request == 1 || answer == 1); k++)
                g_assert_cmpint(request == 1 ? cred_request_decode(data, k, &token)
                                             : cred_reply_decode(data, k, &reply),
                                ==, 0);
        return 0;
}
