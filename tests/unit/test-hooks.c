/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks.h"
#include "test-tree.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SECOND UINT64_C(1000000)

static sd_event *event;

/* A directory of hooks, and a file beside it into which they write. */
typedef struct Bed {
        Tree tree;
        Hooks *hooks;
        char *out;
        unsigned done;
        GString *order; /* of the calls of done */
} Bed;

static Bed bed_new(uint64_t time_usec, bool in_units) {
        Bed b = {.tree = tree_new(), .order = g_string_new(NULL)};
        g_autofree char *directory = tree_path(&b.tree, "hooks.d");

        tree_mkdir(&b.tree, "hooks.d");
        b.out = tree_path(&b.tree, "out");
        tree_write(&b.tree, "out", "");
        b.hooks = hooks_new(event, directory, time_usec, in_units);
        return b;
}

static void bed_done(Bed *b) {
        b->hooks = hooks_free(b->hooks);
        tree_done(&b->tree);
        g_string_free(b->order, true);
        g_free(b->out);
}
#define _cleanup_bed_ _cleanup_(bed_done)

static void set_mode(const Bed *b, const char *path, mode_t mode) {
        g_autofree char *full = tree_path(&b->tree, path);

        g_assert_cmpint(chmod(full, mode), ==, 0);
}

/* A hook at @path below hooks.d; "@" in its text stands for the file it writes into. */
static void add_hook(const Bed *b, const char *path, const char *text) {
        g_autofree char *full = g_build_filename("hooks.d", path, NULL);
        g_auto(GStrv) parts = g_strsplit(text, "@", -1);
        g_autofree char *body = g_strjoinv(b->out, parts),
                        *script = g_strconcat("#!/bin/sh\n", body, "\n", NULL);

        tree_write(&b->tree, full, script);
        set_mode(b, full, 0755);
}

static void on_done(void *userdata) {
        Bed *b = userdata;

        b->done++;
}

static void run_until(const unsigned *n, unsigned wanted) {
        gint64 deadline = g_get_monotonic_time() + 30 * (gint64) SECOND;

        while (*n < wanted) {
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
                g_assert_cmpint(sd_event_run(event, SECOND / 10), >=, 0);
        }
}

static void run(Bed *b, const char *name, bool failure) {
        unsigned before = b->done;

        g_assert_cmpint(hooks_run(b->hooks, name, failure, on_done, b), ==, 0);
        g_assert_cmpuint(b->done, ==, before); /* never from inside the call */
        run_until(&b->done, before + 1);
        for (unsigned i = 0; i < 3; i++)
                g_assert_cmpint(sd_event_run(event, 0), >=, 0);
        g_assert_cmpuint(b->done, ==, before + 1);
}

static void assert_out(const Bed *b, const char *expected) {
        g_autofree char *text = NULL;

        g_assert_true(g_file_get_contents(b->out, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, expected);
}

/* What is logged from here to log_end(). */
typedef struct Log {
        int saved, fd;
} Log;

static Log log_begin(void) {
        Log l = {dup(STDERR_FILENO), memfd_create("log", MFD_CLOEXEC)};

        g_assert_cmpint(dup2(l.fd, STDERR_FILENO), ==, STDERR_FILENO);
        return l;
}

static char *log_end(Log *l) {
        off_t size = lseek(l->fd, 0, SEEK_END);
        g_autofree char *text = g_malloc0((size_t) size + 1);

        g_assert_cmpint(pread(l->fd, text, (size_t) size, 0), ==, size);
        g_assert_cmpint(dup2(l->saved, STDERR_FILENO), ==, STDERR_FILENO);
        close(l->saved);
        close(l->fd);
        return TAKE_PTR(text);
}

static unsigned count(const char *text, const char *what) {
        unsigned n = 0;

        for (; (text = strstr(text, what)); text += strlen(what))
                n++;
        return n;
}

static void assert_has(const char *text, const char *what) {
        if (!strstr(text, what))
                g_error("\"%s\" is not in:\n%s", what, text);
}

static void test_is_event(void) {
        static const char *const others[] = {"",
                                             "frob",
                                             "dispatch",
                                             "_run",
                                             "..",
                                             "../x",
                                             "before_migration/",
                                             "BEFORE_MIGRATION",
                                             "before_migration ",
                                             ".",
                                             "after_"};

        g_assert_true(hooks_is_event("before_migration"));
        g_assert_true(hooks_is_event("after_migration"));
        g_assert_true(hooks_is_event("before_hibernation"));
        g_assert_true(hooks_is_event("after_hibernation"));
        g_assert_false(hooks_is_event(NULL));
        for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
                g_assert_false(hooks_is_event(others[i]));
}

/* Byte order; only the event's own; one after the other. */
static void test_order(void) {
        _cleanup_bed_ Bed b = bed_new(20 * SECOND, false);

        add_hook(&b, "before_migration/b", "echo b >>@");
        add_hook(&b, "before_migration/a", "echo a1 >>@; sleep 0.2; echo a2 >>@");
        add_hook(&b, "before_migration/B.sh", "echo B >>@");
        add_hook(&b, "before_migration/10", "echo 10 >>@");
        add_hook(&b, "before_migration/9", "echo 9 >>@");
        add_hook(&b, "before_migration/\xc5\xbe lut\xc3\xbd $HOME %h;", "echo odd >>@");
        add_hook(&b, "after_migration/c", "echo c >>@");
        run(&b, "before_migration", false);
        assert_out(&b, "10\n9\nB\na1\na2\nb\nodd\n");
        run(&b, "after_migration", true);
        assert_out(&b, "10\n9\nB\na1\na2\nb\nodd\nc\n");
}

static void test_nothing_to_run(void) {
        _cleanup_bed_ Bed b = bed_new(20 * SECOND, false);
        g_autofree char *directory = tree_path(&b.tree, "hooks.d"), *text = NULL;
        Log l = log_begin();

        add_hook(&b, "x", "echo x >>@");
        add_hook(&b, "frob/x", "echo x >>@");
        tree_mkdir(&b.tree, "hooks.d/after_migration");
        run(&b, "before_hibernation", false); /* no directory */
        run(&b, "after_migration", false);    /* nothing in it */
        run(&b, "frob", false);
        run(&b, "", false);
        run(&b, "..", false);
        run(&b, NULL, false);
        tree_remove(directory);
        run(&b, "before_migration", false);
        assert_out(&b, "");
        text = log_end(&l);
        g_assert_cmpstr(text, ==, "");
        tree_mkdir(&b.tree, "hooks.d");
}

/* No arguments, nothing to read, and what the documentation says of the environment; nothing of ours. */
static void test_environment(void) {
        _cleanup_bed_ Bed b = bed_new(20 * SECOND, false);
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;
        mode_t before = umask(077);

        add_hook(&b, "after_migration/x",
                 "echo $# \"$(cat)\" $(umask) $(/bin/pwd) >>@; env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= | "
                 "sort >>@; "
                 "ls /proc/self/fd | tr '\\n' ' ' >>@");
        g_setenv("OVIRT_SECRET", "x", true);
        run(&b, "after_migration", true);
        run(&b, "after_migration", false);
        (void) umask(before);
        g_assert_true(g_file_get_contents(b.out, &text, NULL, NULL));
        lines = g_strsplit(text, "\n", -1);
        g_assert_cmpstr(lines[0], ==, "0  0022 /");
        g_assert_cmpstr(lines[1], ==, "LANG=C.UTF-8");
        g_assert_cmpstr(lines[2], ==, "OVIRT_HOOK_EVENT=after_migration");
        g_assert_cmpstr(lines[3], ==, "OVIRT_HOOK_FAILURE=1");
        g_assert_cmpstr(lines[4], ==, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        g_assert_true(
                g_str_has_prefix(lines[5], "0 1 2 3 0  0022 /")); /* 3 is the directory that is listed */
        g_assert_cmpuint(count(text, "OVIRT_HOOK_FAILURE"), ==, 1);
        g_assert_null(strstr(text, "SECRET"));
}

/* Whatever a hook does, the next one runs; what it did is told. */
static void test_failures(void) {
        _cleanup_bed_ Bed b = bed_new(20 * SECOND, false);
        g_autofree char *text = NULL;
        Log l = log_begin();

        add_hook(&b, "before_migration/1-mode", "echo 1 >>@");
        set_mode(&b, "hooks.d/before_migration/1-mode", 0644);
        add_hook(&b, "before_migration/2-status", "echo two >&2; exit 3");
        add_hook(&b, "before_migration/3-signal", "kill -SEGV $$");
        add_hook(&b, "before_migration/4-fine", "echo four; echo 4 >>@");
        run(&b, "before_migration", false);
        text = log_end(&l);
        assert_out(&b, "4\n");
        assert_has(text, "1-mode is not run: it is not executable\n");
        assert_has(text, "before_migration/2-status: two\n");
        assert_has(text, "warning: Hook before_migration/2-status failed with exit status 3\n");
        assert_has(text, "Hook before_migration/3-signal failed with exit status 139\n");
        assert_has(text, "\nbefore_migration/4-fine: four\n");
        g_assert_cmpuint(count(text, "failed with"), ==, 2);
}

static void test_not_executable(void) {
        _cleanup_bed_ Bed b = bed_new(20 * SECOND, false);
        g_autofree char *text = NULL;
        Log l = log_begin();

        tree_write(&b.tree, "hooks.d/before_migration/1-format", "no script");
        set_mode(&b, "hooks.d/before_migration/1-format", 0755);
        tree_write(&b.tree, "hooks.d/before_migration/2-interpreter", "#!/no/such\n");
        set_mode(&b, "hooks.d/before_migration/2-interpreter", 0755);
        add_hook(&b, "before_migration/3-fine", "echo 3 >>@");
        run(&b, "before_migration", false);
        text = log_end(&l);
        assert_out(&b, "3\n");
        assert_has(text, "1-format cannot be started: Exec format error\n");
        assert_has(text, "Hook before_migration/1-format failed with exit status 127\n");
        assert_has(text, "2-interpreter cannot be started: No such file or directory\n");
        assert_has(text, "Hook before_migration/2-interpreter failed with exit status 127\n");
}

static void test_links(void) {
        _cleanup_bed_ Bed b = bed_new(20 * SECOND, false);
        g_autofree char *text = NULL, *target = NULL;
        Log l = log_begin();

        tree_write(&b.tree, "elsewhere/script", "#!/bin/sh\necho linked ${0##*/}\n");
        set_mode(&b, "elsewhere/script", 0755);
        target = tree_path(&b.tree, "elsewhere/script");
        tree_link(&b.tree, "hooks.d/before_migration/1-absolute", target);
        tree_link(&b.tree, "hooks.d/before_migration/2-relative", "../../elsewhere/script");
        tree_link(&b.tree, "hooks.d/before_migration/3-link-to-link", "1-absolute");
        tree_link(&b.tree, "hooks.d/before_migration/4-nowhere", "../../no-such-file");
        tree_link(&b.tree, "hooks.d/before_migration/5-loop", "5-loop");
        tree_link(&b.tree, "hooks.d/after_migration", "before_migration"); /* whole directories, too */
        run(&b, "before_migration", false);
        set_mode(&b, "elsewhere", 0777);
        run(&b, "after_migration", false);
        set_mode(&b, "elsewhere", 0755);
        text = log_end(&l);
        assert_has(text, "before_migration/1-absolute: linked 1-absolute\n");
        assert_has(text, "before_migration/2-relative: linked 2-relative\n");
        assert_has(text, "before_migration/3-link-to-link: linked 3-link-to-link\n");
        assert_has(text, "4-nowhere is not run: No such file or directory\n");
        assert_has(text, "5-loop is not run: Too many levels of symbolic links\n");
        g_assert_cmpuint(count(text, ": linked"), ==, 3);
        g_assert_cmpuint(count(text, "is not run: others may write to the directory where it is\n"), ==, 3);
}

/* What is no hook, silently; what should not be one, with a word. */
static void test_refused(void) {
        static const char *const leftovers[] = {".hidden",  "x~",        "x.dpkg-old", "x.dpkg-dist",
                                                "x.rpmnew", "x.rpmsave", "x.rpmorig",  ".x.swp"};
        _cleanup_bed_ Bed b = bed_new(20 * SECOND, false);
        g_autofree char *text = NULL, *fifo = tree_path(&b.tree, "hooks.d/before_migration/fifo"),
                        *foreign = tree_path(&b.tree, "hooks.d/before_migration/foreign");
        Log l = log_begin();
        unsigned refused = 6;

        for (size_t i = 0; i < G_N_ELEMENTS(leftovers); i++) {
                g_autofree char *path = g_build_filename("before_migration", leftovers[i], NULL);
                add_hook(&b, path, "echo leftover >>@");
        }
        add_hook(&b, "before_migration/others", "echo others >>@");
        set_mode(&b, "hooks.d/before_migration/others", 0757);
        add_hook(&b, "before_migration/group", "echo group >>@");
        set_mode(&b, "hooks.d/before_migration/group", 0775);
        add_hook(&b, "before_migration/line\nerror: forged", "echo line >>@");
        add_hook(&b, "before_migration/latin\xe9", "echo latin >>@");
        tree_mkdir(&b.tree, "hooks.d/before_migration/directory");
        g_assert_cmpint(mkfifo(fifo, 0755), ==, 0);
        if (geteuid() == 0) {
                add_hook(&b, "before_migration/foreign", "echo foreign >>@");
                g_assert_cmpint(chown(foreign, 65534, 65534), ==, 0);
                refused++;
        }
        add_hook(&b, "before_migration/x.dpkg", "echo good >>@");
        run(&b, "before_migration", false);
        text = log_end(&l);
        assert_out(&b, "good\n");
        assert_has(text, "/others is not run: its group or others may write to it\n");
        assert_has(text, "/group is not run: its group or others may write to it\n");
        assert_has(text, "/line\\nerror: forged is not run: its name is not plain text\n");
        assert_has(text, "/latin\\351 is not run: its name is not plain text\n");
        assert_has(text, "/directory is not run: it is not a regular file\n");
        assert_has(text, "/fifo is not run: it is not a regular file\n");
        if (geteuid() == 0)
                assert_has(text, "/foreign is not run: it is not owned by root\n");
        g_assert_cmpuint(count(text, "\n"), ==, refused);
}

static void test_refused_directories(void) {
        static const char *const directories[] = {"hooks.d", "hooks.d/before_migration"};
        _cleanup_bed_ Bed b = bed_new(20 * SECOND, false);

        add_hook(&b, "before_migration/1", "echo 1 >>@");
        for (size_t i = 0; i < G_N_ELEMENTS(directories); i++) {
                g_autofree char *text = NULL;
                Log l = log_begin();

                set_mode(&b, directories[i], 0777);
                run(&b, "before_migration", false);
                set_mode(&b, directories[i], 0755);
                text = log_end(&l);
                assert_out(&b, "");
                assert_has(text, "are not run: its group or others may write to it\n");
                g_assert_cmpuint(count(text, "\n"), ==, 1);
        }
        run(&b, "before_migration", false);
        assert_out(&b, "1\n");

        tree_write(&b.tree, "hooks.d/after_migration", "no directory");
        g_autofree char *text = NULL;
        Log l = log_begin();
        run(&b, "after_migration", false);
        text = log_end(&l);
        assert_has(text, "after_migration are not run: it is not a directory\n");
}

static bool exists(pid_t pid) {
        return kill(pid, 0) == 0;
}

/* Killed with what it started; the rest does not run; the loop lives on meanwhile. */
static void test_deadline(void) {
        _cleanup_bed_ Bed b = bed_new(SECOND, false);
        g_autofree char *text = NULL, *out = NULL;
        gint64 begin = g_get_monotonic_time(), end = begin + 20 * (gint64) SECOND;
        g_auto(GStrv) pids = NULL;
        unsigned turns = 0;
        Log l = log_begin();

        add_hook(&b, "before_migration/1", "exit 0");
        add_hook(&b, "before_migration/2", "echo begun; sleep 60 & echo $$ $! >>@; trap '' TERM; wait");
        add_hook(&b, "before_migration/3", "echo 3 >>@");
        add_hook(&b, "before_migration/4", "echo 4 >>@");
        g_assert_cmpint(hooks_run(b.hooks, "before_migration", false, on_done, &b), ==, 0);
        for (; b.done == 0; turns++) {
                g_assert_cmpint(g_get_monotonic_time(), <, end);
                g_assert_cmpint(sd_event_run(event, SECOND / 50), >=, 0);
        }
        text = log_end(&l);
        g_assert_cmpint(g_get_monotonic_time() - begin, <, 3 * (gint64) SECOND);
        g_assert_cmpuint(turns, >, 10);
        assert_has(text, "before_migration/2: begun\n");
        assert_has(text, "warning: Time is up for the hooks of before_migration (1 s together): "
                         "before_migration/2 was the last, 2 more are not run\n");
        g_assert_cmpuint(count(text, "warning"), ==, 1);

        g_assert_true(g_file_get_contents(b.out, &out, NULL, NULL));
        pids = g_strsplit(g_strchomp(out), " ", -1);
        g_assert_cmpuint(g_strv_length(pids), ==, 2);
        for (unsigned i = 0; i < 2; i++) {
                pid_t pid = (pid_t) g_ascii_strtoll(pids[i], NULL, 10);

                /* The grandchild is process 1's to reap, which a container's need not be quick at. */
                while (exists(pid)) {
                        g_autofree char *stat = g_strdup_printf("/proc/%s/stat", pids[i]), *state = NULL;

                        if (g_file_get_contents(stat, &state, NULL, NULL) && strstr(state, ") Z "))
                                break;
                        g_assert_cmpint(g_get_monotonic_time(), <, end);
                        g_assert_cmpint(sd_event_run(event, SECOND / 50), >=, 0);
                }
        }

        /* The next event has all of its time. */
        add_hook(&b, "after_migration/5", "sleep 0.5; echo 5 >@");
        run(&b, "after_migration", false);
        assert_out(&b, "5\n");
}

static void test_output(void) {
        _cleanup_bed_ Bed b = bed_new(20 * SECOND, false);
        g_autofree char *text = NULL;
        Log l = log_begin();

        add_hook(&b, "before_migration/1-bytes", "head -c 3000000 /dev/zero | tr '\\0' x; echo 1 >>@");
        add_hook(&b, "before_migration/2-lines", "yes | head -n 20000; echo 2 >>@");
        add_hook(&b, "before_migration/3-odd",
                 "printf 'red \\033[31m\\377 nul \\000\\r\\n\\n\\nlast'; echo 3 >>@");
        add_hook(&b, "before_migration/4-all", "yes | head -n 500; echo 4 >>@");
        add_hook(&b, "before_migration/5-wide",
                 "i=0; while [ $i -lt 700 ]; do printf '\\342\\202\\254'; i=$((i+1)); done");
        run(&b, "before_migration", false);
        text = log_end(&l);
        assert_out(&b, "1\n2\n3\n4\n"); /* cut, not killed */
        g_assert_cmpuint(count(text, "x"), ==, 64 * 1024);
        g_assert_cmpuint(count(text, "2-lines: y\n"), ==, 500);
        g_assert_cmpuint(count(text, "4-all: y\n"), ==, 500);
        g_assert_cmpuint(count(text, "warning: "), ==, 2);
        assert_has(
                text,
                "Hook before_migration/1-bytes wrote more than 64 KiB or 500 lines; the rest is left out\n");
        assert_has(text, "Hook before_migration/2-lines wrote more than");
        assert_has(text, "3-odd: red  [31m\xef\xbf\xbd nul \xef\xbf\xbd \n");
        assert_has(text, "3-odd: last\n");
        g_assert_cmpuint(count(text, "3-odd: "), ==, 2);
        g_assert_cmpuint(count(text, "5-wide: "), ==, 5);
        g_assert_true(g_utf8_validate(text, -1, NULL));
}

/* Not waited for, whether it is silent or writes for ever. */
static void test_daemon(void) {
        _cleanup_bed_ Bed b = bed_new(15 * SECOND, false);
        g_autofree char *out = NULL;
        g_auto(GStrv) pids = NULL;
        gint64 begin = g_get_monotonic_time();

        add_hook(&b, "before_migration/1", "setsid sleep 60 & echo $! >>@");
        add_hook(&b, "before_migration/2", "setsid yes & echo $! >>@");
        add_hook(&b, "before_migration/3", "echo 3 >>@");
        Log l = log_begin();
        run(&b, "before_migration", false);
        g_autofree char *text = log_end(&l);
        g_assert_cmpint(g_get_monotonic_time() - begin, <, 10 * (gint64) SECOND);
        g_assert_null(strstr(text, "Time is up"));
        g_assert_true(g_file_get_contents(b.out, &out, NULL, NULL));
        pids = g_strsplit(out, "\n", -1);
        g_assert_cmpstr(pids[2], ==, "3");
        for (unsigned i = 0; i < 2; i++)
                (void) kill((pid_t) g_ascii_strtoll(pids[i], NULL, 10), SIGKILL);
}

static void on_done_of_many(void *userdata) {
        Bed *b = userdata;

        g_string_append_printf(b->order, "%u", b->done++);
        if (b->done == 1) /* from inside the callback, behind those that wait */
                g_assert_cmpint(hooks_run(b->hooks, "after_hibernation", false, on_done_of_many, b), ==, 0);
}

/* One after the other, in the order of the calls, and not without end. */
static void test_queue(void) {
        _cleanup_bed_ Bed b = bed_new(20 * SECOND, false);
        const char *kinds[] = {"before_migration", "after_migration", "frob", "before_hibernation"};

        add_hook(&b, "before_migration/x", "echo -n b >>@; sleep 0.05; echo -n m >>@");
        add_hook(&b, "after_migration/x", "echo -n a >>@");
        add_hook(&b, "after_hibernation/x", "echo -n h >>@");
        for (unsigned i = 0; i < 16; i++)
                g_assert_cmpint(hooks_run(b.hooks, kinds[i % 4], false, on_done_of_many, &b), ==, 0);
        g_assert_cmpint(hooks_run(b.hooks, "before_migration", false, on_done_of_many, &b), ==, -ENOBUFS);
        g_assert_cmpint(hooks_run(b.hooks, "frob", false, on_done_of_many, &b), ==, -ENOBUFS);
        run_until(&b.done, 17);
        assert_out(&b, "bmabmabmabmah");
        g_assert_cmpstr(b.order->str, ==, "012345678910111213141516");
}

static void on_done_that_frees(void *userdata) {
        Bed *b = userdata;

        b->done++;
        b->hooks = hooks_free(b->hooks);
}

/* Freed from the callback, and with a hook at work: the others do not run, nobody is called. */
static void test_freed(void) {
        _cleanup_bed_ Bed b = bed_new(20 * SECOND, false);
        g_autofree char *directory = tree_path(&b.tree, "hooks.d");
        gint64 deadline = g_get_monotonic_time() + 20 * (gint64) SECOND;
        siginfo_t si = {0};

        add_hook(&b, "before_migration/1", "echo 1 >>@");
        add_hook(&b, "after_migration/1", "echo begun >>@; sleep 60");
        g_assert_cmpint(hooks_run(b.hooks, "before_migration", false, on_done_that_frees, &b), ==, 0);
        g_assert_cmpint(hooks_run(b.hooks, "before_migration", false, on_done, &b), ==, 0);
        run_until(&b.done, 1);
        g_assert_null(b.hooks);

        b.hooks = hooks_new(event, directory, 20 * SECOND, false);
        g_assert_cmpint(hooks_run(b.hooks, "after_migration", false, on_done, &b), ==, 0);
        for (g_autofree char *out = NULL; !out || !strstr(out, "begun");) {
                g_clear_pointer(&out, g_free);
                g_assert_true(g_file_get_contents(b.out, &out, NULL, NULL));
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
                g_assert_cmpint(sd_event_run(event, SECOND / 50), >=, 0);
        }
        b.hooks = hooks_free(b.hooks);
        while (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0) {
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
                g_assert_cmpint(sd_event_run(event, SECOND / 50), >=, 0);
        }
        g_assert_cmpuint(b.done, ==, 1);
        assert_out(&b, "1\nbegun\n");
}

int main(int argc, char **argv) {
        sigset_t child;
        int r;

        g_test_init(&argc, &argv, NULL);
        (void) umask(022);
        (void) sigemptyset(&child);
        (void) sigaddset(&child, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &child, NULL);
        g_assert_cmpint(sd_event_new(&event), ==, 0);
        g_test_add_func("/hooks/is-event", test_is_event);
        g_test_add_func("/hooks/order", test_order);
        g_test_add_func("/hooks/nothing-to-run", test_nothing_to_run);
        g_test_add_func("/hooks/environment", test_environment);
        g_test_add_func("/hooks/failures", test_failures);
        if (!g_getenv("AGENT_WRAPPER")) /* valgrind does not survive an execve() that fails */
                g_test_add_func("/hooks/not-executable", test_not_executable);
        g_test_add_func("/hooks/links", test_links);
        g_test_add_func("/hooks/refused", test_refused);
        g_test_add_func("/hooks/refused-directories", test_refused_directories);
        g_test_add_func("/hooks/deadline", test_deadline);
        g_test_add_func("/hooks/output", test_output);
        g_test_add_func("/hooks/daemon", test_daemon);
        g_test_add_func("/hooks/queue", test_queue);
        g_test_add_func("/hooks/freed", test_freed);
        r = g_test_run();
        sd_event_unref(event);
        return r;
}
