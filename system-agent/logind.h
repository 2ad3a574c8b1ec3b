/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The login manager: tells the registry what sessions there are, and carries out what only it can. Every
 * call to and signal from org.freedesktop.login1 is here; all are asynchronous. */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "session-registry.h"
#include "util/cleanup.h"

typedef struct Logind Logind;

/* @registry outlives it. */
Logind *logind_new(SessionRegistry *registry);
Logind *logind_free(Logind *l);
DEFINE_CLEANUP(Logind, logind_free)

/* Follows the login manager on @bus (referenced) from now on. */
int logind_attach(Logind *l, sd_bus *bus);
/* The bus is gone or cannot be had: what was known last stands until logind_attach(), or nothing. */
void logind_detach(Logind *l);

/* False between logind_new() and the first answer (or logind_detach()): the registry settles then. */
bool logind_is_known(const Logind *l);

/* Whether there is a bus to reach it by. */
bool logind_is_reachable(const Logind *l);
/* The same, and all questions are answered: what the registry has is of now. */
bool logind_is_current(const Logind *l);

/* The following return 0 when the request is on its way (a refusal is logged), or -ENOTCONN. */

/* Asks session @id to lock itself. With @on_answer, that is called with what comes of the request (a refusal
 * is its to log), unless *@ret_call is freed before; both may be NULL. */
int logind_lock_session(Logind *l, const char *id, sd_bus_slot **ret_call,
                        sd_bus_message_handler_t on_answer, void *userdata);
/* Asks session @id to unlock itself. Whoever calls this has seen its user's password. */
int logind_unlock_session(Logind *l, const char *id);
/* Ends session @id by force. */
int logind_terminate_session(Logind *l, const char *id);
/* Powers off, or reboots, in @delay_usec; replaces what was scheduled before. Users are shown @message,
 * which may be any text. */
int logind_shut_down(Logind *l, bool reboot, uint64_t delay_usec, const char *message);
/* Suspends to memory, or to disk. */
int logind_sleep(Logind *l, bool to_disk);
