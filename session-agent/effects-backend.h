/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "desktop-name.h"
#include "effects-change.h"
#include "effects-watch.h"

/* Something to be done with a number of settings, in its own time. */
typedef struct EffectsJob {
        const Desktop *desktop;
        GCancellable *cancel;
        GPtrArray *changes;
        unsigned off; /* by look(): effects of which something is off already, whoever wants it so */

        void (*done)(struct EffectsJob *job);
        void *userdata;
        unsigned pending; /* what has to end before done() is called */
} EffectsJob;

/* For each thing under way; the end of the last one calls @done, which may end the job. */
void effects_job_hold(EffectsJob *job);
void effects_job_release(EffectsJob *job);

typedef enum EffectsOperation {
        /* Changes all; EFFECTS_OURS is what has our value then. */
        EFFECTS_MAKE,
        /* Finds out what is EFFECTS_OURS, and what EFFECTS_THEIRS; what cannot be asked stays
         * EFFECTS_UNKNOWN. */
        EFFECTS_CHECK,
        /* Puts back what the user had where it is EFFECTS_OURS; EFFECTS_THEIRS is what is his again. */
        EFFECTS_RESTORE,
        EFFECTS_OPERATIONS,
} EffectsOperation;

/* How the settings of some families are changed. None of these waits; each holds the job for as long as it
 * takes, and touches only changes of its families. Cancelling ends them all early. */
typedef struct EffectsBackend {
        /* A name on the bus of the session, without whose owner some of it cannot be done; NULL: none. */
        const char *service;
        /* Whether this is a change that it could have made: what a journal says is not to be believed. */
        bool (*knows)(const EffectsChange *c);
        /* The effects that it could tone down on this machine; at no cost. */
        unsigned (*can)(EffectsFamily family);
        /* Adds what would have to be changed to have @effects off. */
        void (*look)(EffectsJob *job, EffectsFamily family, unsigned effects);
        void (*carry_out[EFFECTS_OPERATIONS])(EffectsJob *job);
        /* Has @w listen to all after which look() may come to another result. */
        void (*watch)(EffectsWatch *w, EffectsFamily family);
} EffectsBackend;

extern const EffectsBackend effects_gsettings, effects_xfconf, effects_kde;
