/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who has sent a message, by the bus's word and without waiting for it. (sd-bus would ask the bus and
 * block.) */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

/* The answer: negative errno if the sender is gone or the bus does not say, else 0, @uid, and @pid (0 if not
 * known). To be replied to by the callee. */
typedef void (*DbusSenderKnown)(sd_bus_message *m, int error, uint32_t uid, uint32_t pid, void *userdata);

/* Asks for the sender of @m, which is referenced until the answer. @userdata outlives the bus. */
int dbus_sender_ask(sd_bus_message *m, DbusSenderKnown known, void *userdata);
