/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

#include "effect.h"

/* Desktops that keep their settings in the same places under the same names. */
typedef enum EffectsFamily {
        EFFECTS_GNOME,
        EFFECTS_MATE,
        EFFECTS_CINNAMON,
        EFFECTS_XFCE,
        EFFECTS_KDE,
        EFFECTS_FAMILY_COUNT,
} EffectsFamily;

/* A setting that was changed, or is about to be. */
typedef struct EffectsChange {
        EffectsFamily family;
        Effect effect;
        char *store, *key; /* where it is, in the terms of the family's back-end */
        GVariant *user;    /* what the user had; NULL: unset */
        GVariant *ours;    /* what takes its place */
        bool returning;    /* the user's is being put back */

        enum {
                EFFECTS_UNKNOWN,
                EFFECTS_OURS,   /* it has our value */
                EFFECTS_THEIRS, /* it has not: it is what the user had, or wants now */
        } state;                /* not kept */
} EffectsChange;

/* Takes @user and @ours, which may be floating. */
EffectsChange *effects_change_new(EffectsFamily family, Effect effect, const char *store, const char *key,
                                  GVariant *user, GVariant *ours);
EffectsChange *effects_change_copy(const EffectsChange *c);
void effects_change_free(EffectsChange *c);

/* A list of changes, for GPtrArray to own. */
GPtrArray *effects_changes_new(void);
/* The one for the same setting, or NULL. */
EffectsChange *effects_changes_find(const GPtrArray *changes, const EffectsChange *c);

/* The most that is read or written. */
#define EFFECTS_CHANGES_MAX 256
#define EFFECTS_TEXT_MAX (64 * 1024)

/* The changes as text: a line that says what it is, and one for each change. */
char *effects_changes_print(const GPtrArray *changes);
/* What of @text can be understood; counts the lines that cannot, or say what is impossible, in @bad. NULL if
 * it is no such text, or too much. */
GPtrArray *effects_changes_parse(const char *text, size_t n, unsigned *bad);
