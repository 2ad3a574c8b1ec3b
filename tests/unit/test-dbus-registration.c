/* SPDX-License-Identifier: Apache-2.0 */
#include "dbus-registration.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "dbus-names.h"

/* Who the caller is, where bus and login manager answer in the middle of things: both are played, at the
 * other end of a socket. The tests of the whole have real ones, and callers who die. */

#define ALICE 1000
#define SENDER ":1.5"

/* What they say of the caller. */
typedef struct Case {
        uint32_t uid;
        bool says_pid, gives_process;
        const char *session; /* that the process is part of; NULL for none */
        bool login1_fails;
        bool dies;    /* before that answer */
        bool leaves;  /* the connection, before the bus is asked again */
        bool is_anew; /* the connection, by then another process's */
        const char *expected;
} Case;

typedef struct Bed {
        const Case *c;
        sd_event *event;
        sd_bus *bus, *agent; /* the two ends */
        SessionRegistry *registry;
        DbusRegistration *face;
        pid_t caller;
        bool is_gone;
        unsigned questions;
        char *answer; /* the name of the error, or the path */
} Bed;

static void on_changed(const Session *s, unsigned changes, void *userdata) {
}

static void on_settled(void *userdata) {
}

static int on_register(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return dbus_registration_register(userdata, m, error);
}

static void end_caller(Bed *b) {
        if (b->is_gone)
                return;
        g_assert_cmpint(kill(b->caller, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(b->caller, NULL, 0), ==, b->caller);
        b->is_gone = true;
}

static int on_bus(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bed *b = userdata;
        _cleanup_close_ int fd = -EBADF;
        sd_bus_message *reply;
        uint32_t pid = (uint32_t) b->caller;
        const char *name;
        int r;

        g_assert_cmpstr(sd_bus_message_get_member(m), ==, "GetConnectionCredentials");
        g_assert_cmpint(sd_bus_message_read(m, "s", &name), >, 0);
        g_assert_cmpstr(name, ==, SENDER);
        if (b->questions++ > 0) {
                if (b->c->leaves)
                        return sd_bus_reply_method_errorf(m, "org.freedesktop.DBus.Error.NameHasNoOwner",
                                                          "gone");
                if (b->c->is_anew)
                        pid = 1;
        }
        g_assert_cmpint(sd_bus_message_new_method_return(m, &reply), >=, 0);
        g_assert_cmpint(sd_bus_message_open_container(reply, 'a', "{sv}"), >=, 0);
        g_assert_cmpint(sd_bus_message_append(reply, "{sv}{sv}", "UnixUserID", "u", b->c->uid,
                                              "LinuxSecurityLabel", "ay", 2, 'x', 0),
                        >=, 0);
        if (b->c->says_pid)
                g_assert_cmpint(sd_bus_message_append(reply, "{sv}", "ProcessID", "u", pid), >=, 0);
        if (b->c->gives_process) {
                fd = (int) syscall(SYS_pidfd_open, b->is_gone ? getpid() : b->caller, 0);
                g_assert_cmpint(fd, >=, 0);
                g_assert_cmpint(sd_bus_message_append(reply, "{sv}", "ProcessFD", "h", fd), >=, 0);
        }
        g_assert_cmpint(sd_bus_message_close_container(reply), >=, 0);
        r = sd_bus_send(b->bus, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int on_login1(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bed *b = userdata;
        uint32_t pid;

        g_assert_cmpstr(sd_bus_message_get_member(m), ==, "GetSessionByPID");
        g_assert_cmpint(sd_bus_message_read(m, "u", &pid), >, 0);
        g_assert_cmpint((pid_t) pid, ==, b->caller);
        if (b->c->dies)
                end_caller(b);
        if (b->c->login1_fails)
                return sd_bus_reply_method_errorf(m, "org.freedesktop.DBus.Error.NoReply", "not now");
        if (!b->c->session)
                return sd_bus_reply_method_errorf(m, "org.freedesktop.login1.NoSessionForPID", "none");
        return sd_bus_reply_method_return(m, "o", b->c->session);
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bed *b = userdata;
        const char *path;

        if (sd_bus_message_is_method_error(m, NULL))
                b->answer = g_strdup(sd_bus_message_get_error(m)->name);
        else {
                g_assert_cmpint(sd_bus_message_read(m, "o", &path), >, 0);
                b->answer = g_strdup(path);
        }
        return 0;
}

static sd_bus *end_new(Bed *b, int fd, bool is_bus) {
        sd_id128_t id = {};
        sd_bus *bus = NULL;

        g_assert_cmpint(sd_bus_new(&bus), ==, 0);
        g_assert_cmpint(sd_bus_set_fd(bus, fd, fd), >=, 0);
        g_assert_cmpint(sd_bus_negotiate_fds(bus, true), >=, 0);
        if (is_bus)
                g_assert_cmpint(sd_bus_set_server(bus, true, id), >=, 0);
        g_assert_cmpint(sd_bus_start(bus), >=, 0);
        g_assert_cmpint(sd_bus_attach_event(bus, b->event, SD_EVENT_PRIORITY_NORMAL), >=, 0);
        return bus;
}

static void call_register(Bed *b) {
        sd_bus_message *m;

        g_assert_cmpint(sd_bus_message_new_method_call(b->bus, &m, NULL, OVIRT_GUEST_AGENT_PATH,
                                                       OVIRT_GUEST_AGENT_MANAGER, "Register"),
                        >=, 0);
        g_assert_cmpint(sd_bus_message_set_sender(m, SENDER), >=, 0);
        g_assert_cmpint(sd_bus_message_append(m, "sa{sv}", "1", 0), >=, 0);
        g_assert_cmpint(sd_bus_call_async(b->bus, NULL, m, on_answer, b, 0), >=, 0);
        sd_bus_message_unref(m);
}

static void run(const void *data) {
        static const SessionCallbacks callbacks = {on_changed, on_settled};
        const SessionFacts facts = {"1",       "/s1",  "alice",  ALICE, "seat0",
                                    "wayland", "user", "active", false, false};
        Bed *b = g_new0(Bed, 1);
        int fds[2];

        b->c = data;
        b->caller = fork();
        g_assert_cmpint(b->caller, >=, 0);
        if (b->caller == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) pause();
                _exit(0);
        }
        g_assert_cmpint(sd_event_new(&b->event), ==, 0);
        b->registry = session_registry_new(b->event, &callbacks, b);
        session_registry_update(b->registry, &facts);
        session_registry_commit(b->registry);
        b->face = dbus_registration_new(b->registry);
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), ==, 0);
        b->bus = end_new(b, fds[0], true);
        b->agent = end_new(b, fds[1], false);
        g_assert_cmpint(sd_bus_add_object(b->agent, NULL, OVIRT_GUEST_AGENT_PATH, on_register, b->face), >=,
                        0);
        g_assert_cmpint(sd_bus_add_object(b->bus, NULL, "/org/freedesktop/DBus", on_bus, b), >=, 0);
        g_assert_cmpint(sd_bus_add_object(b->bus, NULL, "/org/freedesktop/login1", on_login1, b), >=, 0);

        /* sd-bus overlooks a message that comes together with the end of the authentication. */
        while (sd_bus_is_ready(b->agent) == 0 || sd_bus_is_ready(b->bus) == 0)
                g_assert_cmpint(sd_event_run(b->event, 10 * G_USEC_PER_SEC), >, 0);
        call_register(b);
        for (gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
             !b->answer && g_get_monotonic_time() < end;)
                g_assert_cmpint(sd_event_run(b->event, 100000), >=, 0);
        g_assert_cmpstr(b->answer, ==, b->c->expected);
        g_assert_cmpstr(session_registry_get(b->registry, "1")->agent, ==,
                        b->c->expected[0] == '/' ? SENDER : NULL);

        end_caller(b);
        dbus_registration_detach(b->face);
        sd_bus_close_unref(b->agent);
        sd_bus_close_unref(b->bus);
        dbus_registration_free(b->face);
        session_registry_free(b->registry);
        sd_event_unref(b->event);
        g_free(b->answer);
        g_free(b);
}

#define TAKEN "/org/ovirt/GuestAgent1/session/_31"
#define UNKNOWN "org.freedesktop.DBus.Error.Failed"

int main(int argc, char **argv) {
        static const struct {
                const char *name;
                Case c;
        } cases[] = {
#define BY_NUMBER .uid = ALICE, .says_pid = true
#define BY_PROCESS BY_NUMBER, .gives_process = true
#define NOT_YOURS .expected = OVIRT_ERROR_NOT_YOUR_SESSION
                {"number/none", {BY_NUMBER, .expected = TAKEN}},
                {"number/own", {BY_NUMBER, .session = "/s1", .expected = TAKEN}},
                {"number/other", {BY_NUMBER, .session = "/s2", NOT_YOURS}},
                {"number/dies", {BY_NUMBER, .dies = true, .expected = UNKNOWN}},
                {"number/dies-own", {BY_NUMBER, .session = "/s1", .dies = true, .expected = UNKNOWN}},
                {"number/leaves", {BY_NUMBER, .leaves = true, .expected = UNKNOWN}},
                {"number/anew", {BY_NUMBER, .is_anew = true, .expected = UNKNOWN}},
                {"number/login1-fails", {BY_NUMBER, .login1_fails = true, .expected = UNKNOWN}},
                {"process/none", {BY_PROCESS, .expected = TAKEN}},
                {"process/own", {BY_PROCESS, .session = "/s1", .expected = TAKEN}},
                {"process/other", {BY_PROCESS, .session = "/s2", NOT_YOURS}},
                {"process/dies", {BY_PROCESS, .dies = true, .expected = UNKNOWN}},
                {"nothing", {.uid = ALICE, .expected = UNKNOWN}},
                {"another-user", {.uid = ALICE + 1, .says_pid = true, NOT_YOURS}},
                {"another-user-own", {.uid = ALICE + 1, .says_pid = true, .session = "/s1", NOT_YOURS}},
                {"root", {.says_pid = true, NOT_YOURS}},
        };

        g_test_init(&argc, &argv, NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *path = g_strconcat("/dbus-registration/", cases[i].name, NULL);

                g_test_add_data_func(path, &cases[i].c, run);
        }
        return g_test_run();
}
