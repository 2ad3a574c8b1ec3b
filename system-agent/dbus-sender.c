/* SPDX-License-Identifier: Apache-2.0 */
#include "dbus-sender.h"

#include "util/cleanup.h"

typedef struct Question {
        sd_bus_message *message;
        DbusSenderKnown known;
        void *userdata;
} Question;

static void question_free(void *p) {
        Question *q = p;

        sd_bus_message_unref(q->message);
        g_free(q);
}

static int read_credentials(sd_bus_message *m, uint32_t *ret_uid, uint32_t *ret_pid) {
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *name;

                r = sd_bus_message_read(m, "s", &name);
                if (r < 0)
                        return r;
                if (g_str_equal(name, "UnixUserID"))
                        r = sd_bus_message_read(m, "v", "u", ret_uid);
                else if (g_str_equal(name, "ProcessID"))
                        r = sd_bus_message_read(m, "v", "u", ret_pid);
                else
                        r = sd_bus_message_skip(m, "v");
                if (r < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                        return r;
        }
        return r;
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Question *q = userdata;
        uint32_t uid = UINT32_MAX, pid = 0;
        int r;

        r = sd_bus_message_is_method_error(m, NULL) ? -sd_bus_message_get_errno(m)
                                                    : read_credentials(m, &uid, &pid);
        if (r >= 0 && uid == UINT32_MAX)
                r = -ENODATA;
        q->known(q->message, r < 0 ? r : 0, uid, pid, q->userdata);
        return 0;
}

int dbus_sender_ask(sd_bus_message *m, DbusSenderKnown known, void *userdata) {
        sd_bus_slot *slot = NULL;
        Question *q;
        int r;

        q = g_new0(Question, 1);
        q->message = sd_bus_message_ref(m);
        q->known = known;
        q->userdata = userdata;
        r = sd_bus_call_method_async(sd_bus_message_get_bus(m), &slot, "org.freedesktop.DBus",
                                     "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                     "GetConnectionCredentials", on_answer, q, "s",
                                     sd_bus_message_get_sender(m));
        if (r < 0) {
                question_free(q);
                return r;
        }
        /* The slot lives, and with it the question, until the answer is there or the bus is closed. */
        (void) sd_bus_slot_set_destroy_callback(slot, question_free);
        (void) sd_bus_slot_set_floating(slot, true);
        sd_bus_slot_unref(slot);
        return 0;
}
