/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the administrator has decided for all sessions; read once at the start and constant from then on. */

#include <glib.h>
#include <stdio.h>

#include "follow.h"

typedef enum EffectsPolicy {
        EFFECTS_HOST,
        EFFECTS_ALWAYS,
        EFFECTS_NEVER,
} EffectsPolicy;

typedef struct Config {
        /* [effects] */
        EffectsPolicy effects_off; /* when */
        unsigned effects_allowed;  /* a set of effects */

        /* [monitors] */
        FollowPolicy monitors_follow;
} Config;

/* Reads @path; NULL stands for the installed file, which may be missing. The error names the file, and the
 * key and what would be right if it is a value; an unknown key is a warning on the log. */
Config *config_load(const char *path, GError **error);
/* The same for what has been read from @path. */
Config *config_parse(const char *path, const char *text, size_t n, GError **error);
Config *config_free(Config *c);

/* Writes the effective configuration as a file that config_load() reads. */
void config_print(const Config *c, FILE *f);
