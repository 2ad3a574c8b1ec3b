/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A user's name and password, from the host's line to whoever verifies them. */

#include <stdbool.h>

#include "cred-wire.h"
#include "util/cleanup.h"

/* In secret memory (util/secret.h): never copied, but handed over. Strings of UTF-8. */
typedef struct Credentials {
        char user[CRED_USER_MAX + 1];
        char password[CRED_PASSWORD_MAX + 1];
} Credentials;

Credentials *credentials_new(void);
/* Wipes them. */
Credentials *credentials_free(Credentials *c);
DEFINE_CLEANUP(Credentials, credentials_free)

/* Puts the guest's domain in place of the engine's, by the first entry "ENGINE=GUEST" of @map (NULL-
 * terminated) whose pattern ENGINE matches what stands behind the user's first "@"; without GUEST the domain
 * is taken off. A name without a domain stays. -ENAMETOOLONG if there is no room for the guest's domain. */
int credentials_map_domain(Credentials *c, const char *const *map);

/* Whether they are certainly not for the local account @user (UTF-8): that both names are plain and differ
 * in more than the case, which directories do not look at. Whom a name with a domain stands for only the
 * name service knows. */
bool credentials_are_for_other(const Credentials *c, const char *user);
