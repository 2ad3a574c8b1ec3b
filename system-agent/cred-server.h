/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where the PAM module fetches the credentials of a user whom the host logs in. One offer at a time: a newer
 * one takes the place of the older. Who has its token gets them, once, until time is up; nobody else does,
 * and nobody else can make an offer end. Only root is listened to. */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "credentials.h"

/* Clients at once: when there is another, the one that is worth least makes room. */
#define CRED_CLIENTS_MAX 16
/* How long a client may take for its request, */
#define CRED_REQUEST_USEC UINT64_C(2000000)
/* and how long it waits to hear that its token was wrong. */
#define CRED_WRONG_USEC UINT64_C(1000000)

typedef struct CredServer CredServer;

/* @ended is called whenever an offer has ended, for whatever reason. Listens on socket @path,
 * from now on: a client is told at once that there is nothing. */
int cred_server_new(CredServer **ret, sd_event *event, const char *path, void (*ended)(void *userdata),
                    void *userdata);
CredServer *cred_server_free(CredServer *s);
DEFINE_CLEANUP(CredServer, cred_server_free)

/* Offers @c for @usec; what was offered before no longer is. *ret_token is what fetches it, valid until the
 * offer ends. -EINVAL if one of them is empty; there is no offer then, nor after another error. */
int cred_server_offer(CredServer *s, const Credentials *c, uint64_t usec, const char **ret_token);
bool cred_server_is_offering(const CredServer *s);
/* Ends the offer, if there is one. */
void cred_server_withdraw(CredServer *s);
