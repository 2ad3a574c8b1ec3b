/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who has sent a message, by the bus's word and without waiting for it. (sd-bus would ask the bus and
 * block.) */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

/* By the bus's word. */
typedef struct Sender {
        uint32_t uid;
        uint32_t pid; /* 0 if the bus does not say */
        int pidfd;    /* of the process, the callee's to duplicate; -EBADF where the bus does not say */
} Sender;

/* The answer: @error is a negative errno if the sender is gone or the bus does not say, else 0, and @sender
 * is set. To be replied to by the callee. */
typedef void (*DbusSenderKnown)(sd_bus_message *m, int error, const Sender *sender, void *userdata);

/* Asks for the sender of @m, which is referenced until the answer. @userdata outlives the bus. */
int dbus_sender_ask(sd_bus_message *m, DbusSenderKnown known, void *userdata);
