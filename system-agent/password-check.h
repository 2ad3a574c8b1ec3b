/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Finds out by PAM whether credentials are those of a user, in another process: PAM's modules may wait, and
 * do what the agent's sandbox is against. */

#include <systemd/sd-event.h>

#include "credentials.h"

typedef struct PasswordCheck PasswordCheck;

/* @error is 0 if they are @uid's; -EACCES if not, or if that user may not log in; -ETIMEDOUT; or another
 * negative errno. The PasswordCheck may be freed from here. */
typedef void (*PasswordChecked)(int error, uint32_t uid, void *userdata);

/* @c is not needed any more after the call. */
int password_check_start(PasswordCheck **ret, sd_event *event, const Credentials *c, uint32_t uid,
                         PasswordChecked checked, void *userdata);
/* Ends it: nothing more is heard of it. */
PasswordCheck *password_check_free(PasswordCheck *p);
DEFINE_CLEANUP(PasswordCheck, password_check_free)
