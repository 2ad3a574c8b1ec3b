/* SPDX-License-Identifier: Apache-2.0 */
#include "effect.h"

static const char *const names[EFFECT_COUNT] = {
        [EFFECT_WALLPAPER] = "wallpaper",
        [EFFECT_ANIMATION] = "animation",
        [EFFECT_FONT_SMOOTH] = "font-smooth",
};

const char *effect_name(Effect effect) {
        return names[effect];
}

bool effect_from_name(const char *name, Effect *ret) {
        for (Effect effect = 0; effect < EFFECT_COUNT; effect++)
                if (g_str_equal(names[effect], name)) {
                        *ret = effect;
                        return true;
                }
        return false;
}

const char **effects_to_names(unsigned effects) {
        const char **list = g_new0(const char *, EFFECT_COUNT + 1);
        unsigned n = 0;

        for (Effect effect = 0; effect < EFFECT_COUNT; effect++)
                if (effects & (1u << effect))
                        list[n++] = names[effect];
        return list;
}

bool effects_from_names(const char *const *list, unsigned *ret, const char **bad) {
        unsigned effects = 0;

        for (; *list; list++) {
                Effect effect;

                if (!effect_from_name(*list, &effect)) {
                        *bad = *list;
                        return false;
                }
                effects |= 1u << effect;
        }
        *ret = effects;
        return true;
}
