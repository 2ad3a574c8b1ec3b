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

static int read_credential(sd_bus_message *m, const char *name, Sender *sender) {
        if (g_str_equal(name, "UnixUserID"))
                return sd_bus_message_read(m, "v", "u", &sender->uid);
        if (g_str_equal(name, "ProcessID"))
                return sd_bus_message_read(m, "v", "u", &sender->pid);
        /* Of bus daemons that came with or after dbus-broker 34 and dbus 1.15.8. */
        if (g_str_equal(name, "ProcessFD"))
                return sd_bus_message_read(m, "v", "h", &sender->pidfd);
        return sd_bus_message_skip(m, "v");
}

static int read_credentials(sd_bus_message *m, Sender *sender) {
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *name;

                if ((r = sd_bus_message_read(m, "s", &name)) < 0 ||
                    (r = read_credential(m, name, sender)) < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                        return r;
        }
        return r;
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Question *q = userdata;
        Sender sender = {.uid = UINT32_MAX, .pidfd = -EBADF};
        int r;

        r = sd_bus_message_is_method_error(m, NULL) ? -sd_bus_message_get_errno(m)
                                                    : read_credentials(m, &sender);
        if (r >= 0 && sender.uid == UINT32_MAX)
                r = -ENODATA;
        q->known(q->message, r < 0 ? r : 0, &sender, q->userdata);
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
