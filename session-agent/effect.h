/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* What makes a desktop look good and a slow link slower. The names are those that consoles use. */
typedef enum Effect {
        EFFECT_WALLPAPER,
        EFFECT_ANIMATION, /* and compositing, where it can be switched off */
        EFFECT_FONT_SMOOTH,
        EFFECT_COUNT,
} Effect;

/* Sets of effects are masks: 1 << EFFECT_... */
#define EFFECTS_ALL ((1u << EFFECT_COUNT) - 1)

const char *effect_name(Effect effect);
/* False if no effect is called @name. */
bool effect_from_name(const char *name, Effect *ret);

/* The names of @effects: an array to free with g_free() alone. */
const char **effects_to_names(unsigned effects);
/* False if a name is none, which is left in @bad; @names is a NULL-terminated array. */
bool effects_from_names(const char *const *names, unsigned *ret, const char **bad);
