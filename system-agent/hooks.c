/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/log.h"
#include "util/subprocess.h"
#include "util/text.h"

#define QUEUE_MAX 16
#define OUTPUT_MAX (64 * 1024)
#define ENTRIES_MAX 500 /* of the journal */
#define ENTRY_MAX 512   /* bytes in each */
/* A unit is asked to end this long before it is killed. */
#define STOP_USEC UINT64_C(1000000)

/* One call of hooks_run(). */
typedef struct Job {
        const char *event; /* NULL if unknown */
        bool failure;
        HooksDone done;
        void *userdata;
        GPtrArray *names; /* of the scripts, once they have been looked for */
        unsigned next;
        gint64 deadline_usec;
} Job;

struct Hooks {
        sd_event *event;
        char *directory;
        uint64_t time_usec;
        bool in_units;
        GQueue jobs; /* the first one is at work */
        sd_event_source *step_source;
        Subprocess *child;
        char *label; /* "EVENT/NAME" of the script that runs */
        gint64 script_deadline_usec;
};

static const char *const events[] = {
        "before_migration", "after_migration", "before_hibernation", "after_hibernation", NULL,
};

static const char *find_event(const char *name) {
        for (size_t i = 0; events[i]; i++)
                if (g_strcmp0(events[i], name) == 0)
                        return events[i];
        return NULL;
}

bool hooks_is_event(const char *name) {
        return find_event(name);
}

static Job *job_free(Job *job) {
        if (job->names)
                g_ptr_array_unref(job->names);
        g_free(job);
        return NULL;
}

Hooks *hooks_new(sd_event *event, const char *directory, uint64_t time_usec, bool in_units) {
        Hooks *h = g_new0(Hooks, 1);

        h->event = sd_event_ref(event);
        h->directory = g_strdup(directory);
        h->time_usec = time_usec;
        h->in_units = in_units;
        g_queue_init(&h->jobs);
        return h;
}

Hooks *hooks_free(Hooks *h) {
        Job *job;

        if (!h)
                return NULL;
        subprocess_free(h->child);
        (void) sd_event_source_disable_unref(h->step_source);
        while ((job = g_queue_pop_head(&h->jobs)))
                job_free(job);
        g_free(h->label);
        g_free(h->directory);
        sd_event_unref(h->event);
        g_free(h);
        return NULL;
}

/* Why what @path leads to is not for root to run, or NULL: someone else could have written it. */
static const char *distrusted(const char *path, mode_t type) {
        struct stat st;

        if (stat(path, &st) < 0)
                return g_strerror(errno);
        if ((st.st_mode & S_IFMT) != type)
                return type == S_IFDIR ? "it is not a directory" : "it is not a regular file";
        if (st.st_uid != 0 && st.st_uid != geteuid())
                return "it is not owned by root";
        if (st.st_mode & (S_IWGRP | S_IWOTH))
                return "its group or others may write to it";
        if (!(st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
                return "it is not executable";
        return NULL;
}

/* The same for a script, and for the directory in which it really is. */
static const char *distrusted_script(const char *path) {
        _cleanup_free_ char *real = realpath(path, NULL), *parent = NULL;

        if (!real)
                return g_strerror(errno);
        parent = g_path_get_dirname(real);
        return distrusted(parent, S_IFDIR) ? "others may write to the directory where it is"
                                           : distrusted(real, S_IFREG);
}

/* What editors and package managers leave behind. */
static bool is_leftover(const char *name) {
        static const char *const patterns[] = {".*",        "*~",        "*.dpkg-*", "*.rpmnew",
                                               "*.rpmsave", "*.rpmorig", NULL};

        return glob_match_any(patterns, name);
}

/* Whether it can stand in a log and in a message on the bus as it is. */
static bool is_plain(const char *name) {
        if (!g_utf8_validate(name, -1, NULL))
                return false;
        for (; *name; name++)
                if (g_ascii_iscntrl(*name))
                        return false;
        return true;
}

static int compare_names(gconstpointer a, gconstpointer b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Whether scripts are to be looked for in @path. Says why not, unless it is not there. */
static bool is_usable(const char *path) {
        const char *reason = access(path, F_OK) < 0 && errno == ENOENT ? "" : distrusted(path, S_IFDIR);

        if (reason && reason[0])
                log_warning("Hooks in %s are not run: %s", path, reason);
        return !reason;
}

/* Adds the names of all scripts in @path that may run, sorted. */
static void find_scripts(const char *path, GPtrArray *names) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GDir) dir = g_dir_open(path, 0, &error);
        const char *name;

        if (!dir)
                log_warning("Hooks are not run: %s", error->message);
        while (dir && (name = g_dir_read_name(dir))) {
                _cleanup_free_ char *script = g_build_filename(path, name, NULL), *printable = NULL;
                const char *reason;

                if (is_leftover(name))
                        continue;
                reason = is_plain(name) ? distrusted_script(script) : "its name is not plain text";
                if (!reason) {
                        g_ptr_array_add(names, g_strdup(name));
                        continue;
                }
                printable = g_strescape(script, NULL);
                log_warning("Hook %s is not run: %s", printable, reason);
        }
        g_ptr_array_sort(names, compare_names);
}

static void begin_job(Hooks *h, Job *job) {
        _cleanup_free_ char *path = NULL;

        job->names = g_ptr_array_new_with_free_func(g_free);
        job->deadline_usec = g_get_monotonic_time() + (gint64) h->time_usec;
        if (!job->event || !is_usable(h->directory))
                return;
        path = g_build_filename(h->directory, job->event, NULL);
        if (is_usable(path))
                find_scripts(path, job->names);
}

typedef struct Command {
        char **argv, **environment;
} Command;

/* In the child. What goes wrong is said as the script's own output. */
static int run_command(int fd, void *userdata) {
        const Command *c = userdata;
        int null = open("/dev/null", O_RDONLY);

        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
            dup2(fd, STDERR_FILENO) < 0 || chdir("/") < 0)
                return EXIT_FAILURE;
        (void) close_range(STDERR_FILENO + 1, ~0U, 0);
        (void) umask(022);
        (void) execve(c->argv[0], c->argv, c->environment);
        (void) dprintf(STDERR_FILENO, "%s cannot be started: %m\n", c->argv[0]);
        return 127; /* what a shell says then */
}

static char **make_environment(const Job *job) {
        g_autoptr(GStrvBuilder) b = g_strv_builder_new();
        _cleanup_free_ char *event = g_strconcat("OVIRT_HOOK_EVENT=", job->event, NULL);

        g_strv_builder_add_many(b, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                "LANG=C.UTF-8", event, job->failure ? "OVIRT_HOOK_FAILURE=1" : NULL, NULL);
        return g_strv_builder_end(b);
}

/* The service manager runs the script and ends it, whatever becomes of us; our child is the one who waits.
 */
static char **make_unit_command(const Hooks *h, const char *script, char **environment, gint64 time_usec) {
        g_autoptr(GStrvBuilder) b = g_strv_builder_new();
        _cleanup_free_ char *description = g_strdup_printf("--description=oVirt hook %s", h->label),
                            *runtime = g_strdup_printf("--property=RuntimeMaxSec=%" G_GINT64_FORMAT "us",
                                                       time_usec),
                            *stop = g_strdup_printf("--property=TimeoutStopSec=%" PRIu64 "us", STOP_USEC);

        g_strv_builder_add_many(b, "/usr/bin/systemd-run", "--quiet", "--no-ask-password", "--pipe",
                                "--wait", "--collect", "--service-type=exec", "--property=UMask=0022",
                                description, runtime, stop, NULL);
        for (char **e = environment; *e; e++) {
                _cleanup_free_ char *option = g_strconcat("--setenv=", *e, NULL);
                g_strv_builder_add(b, option);
        }
        g_strv_builder_add_many(b, "--", script, NULL);
        return g_strv_builder_end(b);
}

/* One entry of the journal for each line, or for each piece of a long one. False if they are too many. */
static bool log_lines(const char *label, const char *text) {
        const char *line;
        unsigned entries = 0;
        size_t n;

        while (next_line(&text, &line, &n))
                while (n > 0) {
                        size_t piece = MIN(n, ENTRY_MAX);

                        if (entries++ == ENTRIES_MAX)
                                return false;
                        while (piece < n && ((unsigned char) line[piece] & 0xc0) == 0x80)
                                piece--; /* never within a character */
                        log_info("%s: %.*s", label, (int) piece, line);
                        line += piece;
                        n -= piece;
                }
        return true;
}

static void log_output(const char *label, const char *output, size_t n) {
        _cleanup_free_ char *text = g_utf8_make_valid(output, (gssize) MIN(n, OUTPUT_MAX));

        for (char *c = text; *c; c++)
                if (g_ascii_iscntrl(*c) && *c != '\n')
                        *c = ' ';
        if (!log_lines(label, text) || n > OUTPUT_MAX)
                log_warning("Hook %s wrote more than %d KiB or %d lines; the rest is left out", label,
                            OUTPUT_MAX / 1024, ENTRIES_MAX);
}

static void skip_rest(const Hooks *h, Job *job) {
        log_warning("Time is up for the hooks of %s (%.3g s together): %s was the last, %u more are not run",
                    job->event, (double) h->time_usec / 1e6, h->label, job->names->len - job->next);
        job->next = job->names->len;
}

static int step_soon(Hooks *h);

static void on_script_done(int error, const char *output, size_t n, void *userdata) {
        Hooks *h = userdata;

        log_output(h->label, output, n);
        /* Our own deadline counts from the turn of the loop, a moment before that of the script. */
        if (error == -ETIMEDOUT || (error < 0 && g_get_monotonic_time() >= h->script_deadline_usec))
                skip_rest(h, g_queue_peek_head(&h->jobs));
        else if (error < 0)
                log_warning("Hook %s failed with exit status %d", h->label,
                            subprocess_exit_status(h->child));
        h->child = subprocess_free(h->child);
        (void) step_soon(h);
}

/* False if the job's time is up. */
static bool start_script(Hooks *h, Job *job) {
        const char *name = g_ptr_array_index(job->names, job->next);
        _cleanup_free_ char *script = g_build_filename(h->directory, job->event, name, NULL);
        g_auto(GStrv) environment = make_environment(job), argv = NULL;
        gint64 now = g_get_monotonic_time(), left = job->deadline_usec - now;
        gint64 script_left = left - (h->in_units ? (gint64) STOP_USEC : 0);

        if (script_left <= 0)
                return false;
        job->next++;
        h->script_deadline_usec = now + script_left;
        g_free(h->label);
        h->label = g_strdup_printf("%s/%s", job->event, name);
        argv = h->in_units ? make_unit_command(h, script, environment, script_left)
                           : g_strdupv((char *[]){script, NULL});
        const SubprocessLimits limits = {
                .time_usec = (uint64_t) left,
                .output_max = OUTPUT_MAX + 1, /* one more says that it was too much */
                .output_cut = true,
        };
        int r = subprocess_start(&h->child, h->event, &limits, run_command, &(Command){argv, environment},
                                 on_script_done, h);
        if (r < 0)
                log_warning_errno(r, "Hook %s cannot be run: %m", h->label);
        else
                log_debug("Hook %s runs", h->label);
        return true;
}

static int on_step(sd_event_source *source, void *userdata) {
        Hooks *h = userdata;
        Job *job = g_queue_peek_head(&h->jobs);
        HooksDone done = job->done;
        void *done_userdata = job->userdata;

        if (!job->names)
                begin_job(h, job);
        while (!h->child && job->next < job->names->len)
                if (!start_script(h, job))
                        skip_rest(h, job);
        if (h->child)
                return 0;

        job_free(g_queue_pop_head(&h->jobs));
        if (!g_queue_is_empty(&h->jobs))
                (void) step_soon(h);
        done(done_userdata); /* the last thing: it may free us */
        return 0;
}

/* Goes on from the event loop. Only the first call can fail. */
static int step_soon(Hooks *h) {
        return h->step_source ? sd_event_source_set_enabled(h->step_source, SD_EVENT_ONESHOT)
                              : sd_event_add_defer(h->event, &h->step_source, on_step, h);
}

int hooks_run(Hooks *h, const char *event, bool failure, HooksDone done, void *userdata) {
        Job *job;

        if (h->jobs.length >= QUEUE_MAX)
                return -ENOBUFS;
        if (g_queue_is_empty(&h->jobs)) {
                int r = step_soon(h);
                if (r < 0)
                        return r;
        }
        job = g_new0(Job, 1);
        *job = (Job){.event = find_event(event), .failure = failure, .done = done, .userdata = userdata};
        g_queue_push_tail(&h->jobs, job);
        return 0;
}
