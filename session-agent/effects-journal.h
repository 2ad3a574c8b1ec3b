/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "effects-change.h"

/* What was changed of a user's settings and has not been put back, in a file in his home: it outlives this
 * process, and all sessions of the user share it. Each agent that wants an effect toned down holds it, for
 * as long as it lives: the last one puts back what was changed. All of this rests on locks of the file
 * system, which end with their process, and none of it waits.
 *
 * Between begin and end nobody else changes the journal, or begins to hold an effect. */
typedef struct EffectsJournal EffectsJournal;

EffectsJournal *effects_journal_new(void);
EffectsJournal *effects_journal_free(EffectsJournal *j);

/* 0, and the changes that are kept, which stay the journal's; -EAGAIN while another agent is at it; -ENOENT
 * if no agent of the user has ever kept anything, unless @make; other negative errno. */
int effects_journal_begin(EffectsJournal *j, bool make, GPtrArray **ret);
/* Keeps what the list of changes has become: returns when that is on the disk. Negative errno. */
int effects_journal_store(EffectsJournal *j);
void effects_journal_end(EffectsJournal *j);

/* Between begin and end: hold an effect (negative errno); and hold it no more, where true means that nobody
 * else holds it. */
int effects_journal_hold(EffectsJournal *j, EffectsFamily family, Effect effect);
bool effects_journal_release(EffectsJournal *j, EffectsFamily family, Effect effect);
