/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Passes on what LightDM and a greeter say to each other, and once there is a token uses a moment in which
 * nobody waits for an answer to log its user in: with an authentication of its own, which the greeter does
 * not see. LightDM knows one authentication at a time, so the greeter's ends with that; if nothing comes of
 * ours, the greeter's is begun again, up to the question that it shows.
 *
 * Knows messages, and nothing of descriptors and time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

/* The user for whom the PAM service asks for a token, and not for a password. No account can have the name.
 */
#define RELAY_TOKEN_USER ":ovirt-token"

typedef struct Relay Relay;

typedef struct RelayOps {
        /* A message for LightDM, or for the greeter. */
        void (*to_server)(const uint8_t *frame, size_t n, void *userdata);
        void (*to_greeter)(const uint8_t *frame, size_t n, void *userdata);
        /* A step of our own attempt begins, for which LightDM is to have a limited time, until
         * relay_give_up(). Or, if not @waiting, there is no attempt any more. */
        void (*step)(bool waiting, void *userdata);
} RelayOps;

/* @ops outlives it. */
Relay *relay_new(const RelayOps *ops, void *userdata);
Relay *relay_free(Relay *r);
DEFINE_CLEANUP(Relay, relay_free)

/* A whole message from LightDM, or from the greeter. The greeter's are not to be taken from its pipe while
 * an attempt is under way: what it says then is answered after that. */
void relay_from_server(Relay *r, const uint8_t *frame, size_t n);
void relay_from_greeter(Relay *r, const uint8_t *frame, size_t n);
bool relay_is_attempting(const Relay *r);

/* Somebody is to be logged in with @token, as soon as may be; an older token is forgotten. */
void relay_offer(Relay *r, const char *token);
/* LightDM has not answered in time. */
void relay_give_up(Relay *r);
