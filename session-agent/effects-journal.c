/* SPDX-License-Identifier: Apache-2.0 */
#include "effects-journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY "ovirt-guest-agent"
#define JOURNAL "effects.journal"
#define FRESH JOURNAL ".new"
#define DAMAGED JOURNAL ".damaged"
#define LOCKS "effects.lock" /* never removed, nor replaced: somebody may have it locked */

/* The bytes of LOCKS that are locked: one by who is between begin and end, one for each effect by who holds
 * it. */
enum { LOCK_TURN, LOCK_EFFECTS };

struct EffectsJournal {
        int directory, locks;
        GPtrArray *changes; /* between begin and end */
};

EffectsJournal *effects_journal_new(void) {
        EffectsJournal *j = g_new0(EffectsJournal, 1);

        j->directory = j->locks = -EBADF;
        return j;
}

EffectsJournal *effects_journal_free(EffectsJournal *j) {
        if (!j)
                return NULL;
        g_clear_pointer(&j->changes, g_ptr_array_unref);
        if (j->locks >= 0)
                (void) close(j->locks);
        if (j->directory >= 0)
                (void) close(j->directory);
        g_free(j);
        return NULL;
}

static int set_lock(EffectsJournal *j, short type, off_t byte) {
        struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

        /* Of the open file: another one of this process would be another holder. */
        if (fcntl(j->locks, F_OFD_SETLK, &lock) < 0)
                return errno == EACCES ? -EAGAIN : -errno;
        return 0;
}

static off_t lock_of(EffectsFamily family, Effect effect) {
        return LOCK_EFFECTS + family * EFFECT_COUNT + effect;
}

static int open_files(EffectsJournal *j, bool make) {
        g_autofree char *path = g_build_filename(g_get_user_state_dir(), DIRECTORY, NULL);

        if (j->directory < 0) {
                if (make && g_mkdir_with_parents(path, 0700) < 0)
                        return -errno;
                j->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (j->directory < 0)
                        return -errno;
        }
        if (j->locks < 0) {
                j->locks = openat(j->directory, LOCKS,
                                  O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
                if (j->locks < 0)
                        return -errno;
        }
        return 0;
}

/* -EBADMSG for what is no journal. */
static int read_journal(EffectsJournal *j, GPtrArray **ret) {
        int fd = openat(j->directory, JOURNAL, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        g_autofree char *text = g_malloc(EFFECTS_TEXT_MAX + 1);
        unsigned bad = 0;
        size_t n = 0;
        ssize_t r;

        if (fd < 0)
                return errno == ELOOP ? -EBADMSG : -errno;
        while (n <= EFFECTS_TEXT_MAX && (r = read(fd, text + n, EFFECTS_TEXT_MAX + 1 - n)) != 0) {
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0) {
                        r = errno == EISDIR || errno == EAGAIN ? -EBADMSG : -errno;
                        (void) close(fd);
                        return r;
                }
                n += r;
        }
        (void) close(fd);
        *ret = effects_changes_parse(text, n, &bad);
        if (!*ret)
                return -EBADMSG;
        if (bad > 0)
                g_message("The list of changed effects has %u lines that make no sense, and are ignored",
                          bad);
        return 0;
}

int effects_journal_begin(EffectsJournal *j, bool make, GPtrArray **ret) {
        int r = open_files(j, make);

        if (r >= 0)
                r = set_lock(j, F_WRLCK, LOCK_TURN);
        if (r < 0)
                return r;
        r = read_journal(j, &j->changes);
        if (r == -EBADMSG) {
                g_message("The list of changed effects is damaged: what was changed stays as it is, "
                          "see " DAMAGED);
                r = renameat(j->directory, JOURNAL, j->directory, DAMAGED) < 0 ? -errno : -ENOENT;
        }
        if (r == -ENOENT) {
                j->changes = effects_changes_new();
                r = 0;
        }
        if (r < 0) {
                (void) set_lock(j, F_UNLCK, LOCK_TURN);
                return r;
        }
        *ret = j->changes;
        return 0;
}

static int write_all(int fd, const char *text, size_t n) {
        while (n > 0) {
                ssize_t r = write(fd, text, n);

                if (r < 0 && errno != EINTR)
                        return -errno;
                text += MAX(r, 0);
                n -= MAX(r, 0);
        }
        return fsync(fd) < 0 ? -errno : 0;
}

/* Whatever happens meanwhile, there is the old journal or the new one. */
static int replace_journal(EffectsJournal *j, const char *text) {
        int r, fd;

        if (unlinkat(j->directory, FRESH, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(j->directory, FRESH, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, text, strlen(text));
        if (close(fd) < 0 && r >= 0)
                r = -errno;
        if (r >= 0 && renameat(j->directory, FRESH, j->directory, JOURNAL) < 0)
                r = -errno;
        if (r < 0)
                (void) unlinkat(j->directory, FRESH, 0);
        return r;
}

int effects_journal_store(EffectsJournal *j) {
        g_autofree char *text = effects_changes_print(j->changes);
        int r;

        if (j->changes->len == 0)
                r = unlinkat(j->directory, JOURNAL, 0) < 0 && errno != ENOENT ? -errno : 0;
        else if (j->changes->len > EFFECTS_CHANGES_MAX || strlen(text) > EFFECTS_TEXT_MAX)
                r = -EFBIG;
        else
                r = replace_journal(j, text);
        if (r < 0)
                return r;
        return fsync(j->directory) < 0 ? -errno : 0;
}

void effects_journal_end(EffectsJournal *j) {
        g_clear_pointer(&j->changes, g_ptr_array_unref);
        (void) set_lock(j, F_UNLCK, LOCK_TURN);
}

int effects_journal_hold(EffectsJournal *j, EffectsFamily family, Effect effect) {
        return set_lock(j, F_RDLCK, lock_of(family, effect));
}

bool effects_journal_release(EffectsJournal *j, EffectsFamily family, Effect effect) {
        bool last = set_lock(j, F_WRLCK, lock_of(family, effect)) >= 0;

        /* Nobody can begin to hold it before the end. */
        (void) set_lock(j, F_UNLCK, lock_of(family, effect));
        return last;
}
