/* SPDX-License-Identifier: Apache-2.0 */
#include "relay.h"

#include <glib.h>
#include <stdarg.h>
#include <string.h>

#include "cred-wire.h"
#include "greeter-wire.h"

#define TOKEN "0123456789abcdef0123456789abcdef"
#define OTHER_TOKEN "ffffffffffffffffffffffffffffffff"
#define OURS 0x80000001U

/* PAM's. */
enum { SECRET = 1, QUESTION = 2, INFO = 4 };

/* A message in words: "ID", and each field, texts as they are. */
static char *in_words(const uint8_t *frame, size_t n) {
        GString *s = g_string_new(NULL);

        g_assert_cmpint(greeter_frame_length(frame, n), ==, (int) n);
        g_string_append_printf(s, "%u", greeter_frame_id(frame, n));
        for (size_t i = GREETER_HEADER_SIZE; i < n; i++)
                if (g_ascii_isprint(frame[i]))
                        g_string_append_c(s, (char) frame[i]);
                else if (frame[i] != 0)
                        g_string_append_printf(s, "<%02x>", frame[i]);
        return g_string_free(s, FALSE);
}

typedef struct Bed {
        Relay *relay;
        GString *server, *greeter; /* what each has got, a ";" behind each message */
        bool waiting;
        unsigned n_steps;
} Bed;

static void say(GString *s, const uint8_t *frame, size_t n) {
        g_autofree char *words = in_words(frame, n);

        g_string_append_printf(s, "%s;", words);
}

static void to_server(const uint8_t *frame, size_t n, void *userdata) {
        say(((Bed *) userdata)->server, frame, n);
}

static void to_greeter(const uint8_t *frame, size_t n, void *userdata) {
        say(((Bed *) userdata)->greeter, frame, n);
}

static void step(bool waiting, void *userdata) {
        Bed *b = userdata;

        b->waiting = waiting;
        b->n_steps++;
}

static const RelayOps ops = {to_server, to_greeter, step};

/* A message of numbers and texts: "n" and "s" in @format. */
static GByteArray *message(uint32_t id, const char *format, va_list ap) {
        GByteArray *a = g_byte_array_new();
        uint32_t header[2] = {GUINT32_TO_BE(id)};

        g_byte_array_append(a, (uint8_t *) header, sizeof(header));
        for (; *format; format++) {
                const char *text = *format == 's' ? va_arg(ap, const char *) : NULL;
                uint32_t number = GUINT32_TO_BE(text ? (uint32_t) strlen(text) : va_arg(ap, uint32_t));

                g_byte_array_append(a, (uint8_t *) &number, sizeof(number));
                if (text)
                        g_byte_array_append(a, (const uint8_t *) text, (unsigned) strlen(text));
        }
        header[1] = GUINT32_TO_BE(a->len - 8);
        memcpy(a->data, header, sizeof(header));
        return a;
}

static void server(Bed *b, uint32_t id, const char *format, ...) {
        g_autoptr(GByteArray) a = NULL;
        va_list ap;

        va_start(ap, format);
        a = message(id, format, ap);
        va_end(ap);
        relay_from_server(b->relay, a->data, a->len);
        g_assert_true(b->waiting == relay_is_attempting(b->relay));
}

static void greeter(Bed *b, uint32_t id, const char *format, ...) {
        g_autoptr(GByteArray) a = NULL;
        va_list ap;

        g_assert_false(relay_is_attempting(b->relay));
        va_start(ap, format);
        a = message(id, format, ap);
        va_end(ap);
        relay_from_greeter(b->relay, a->data, a->len);
}

static void expect(GString *s, const char *words) {
        g_assert_cmpstr(s->str, ==, words);
        g_string_truncate(s, 0);
}

static void forget(Bed *b) {
        g_string_truncate(b->server, 0);
        g_string_truncate(b->greeter, 0);
}

static Bed *bed_new(void) {
        Bed *b = g_new0(Bed, 1);

        b->relay = relay_new(&ops, b);
        b->server = g_string_new(NULL);
        b->greeter = g_string_new(NULL);
        return b;
}

static void bed_free(Bed *b) {
        expect(b->server, "");
        expect(b->greeter, "");
        relay_free(b->relay);
        g_string_free(b->server, TRUE);
        g_string_free(b->greeter, TRUE);
        g_free(b);
}

/* A greeter that asks alice for her password. */
static Bed *bed_asking(void) {
        Bed *b = bed_new();

        greeter(b, 0, "snn", "1.26.0", 0, 1);
        server(b, SERVER_CONNECTED_V2, "nsn", 1, "1.26.0", 0);
        greeter(b, GREETER_AUTHENTICATE, "ns", 3, "alice");
        server(b, SERVER_PROMPT, "nsnns", 3, "alice", 1, SECRET, "Password: ");
        expect(b->server, "0<06>1.26.0<01>;1<03><05>alice;");
        expect(b->greeter, "7<01><06>1.26.0;1<03><05>alice<01><01><0a>Password: ;");
        return b;
}

static void begin(Bed *b) {
        relay_offer(b->relay, TOKEN);
        expect(b->server, "1<80><01><0c>:ovirt-token;");
        g_assert_true(relay_is_attempting(b->relay));
        g_assert_true(b->waiting);
}

static void ask_for_token(Bed *b) {
        server(b, SERVER_PROMPT, "nsnns", OURS, ":ovirt-token", 1, SECRET, CRED_QUESTION);
        expect(b->server, "3<01> " TOKEN ";");
}

static void expect_asking_again(Bed *b) {
        expect(b->server, "1<03><05>alice;");
        expect(b->greeter, "");
        g_assert_true(relay_is_attempting(b->relay));
        /* The same question is on the screen already. */
        server(b, SERVER_PROMPT, "nsnns", 3, "alice", 1, SECRET, "Password: ");
        expect(b->greeter, "");
        g_assert_false(relay_is_attempting(b->relay));
        /* What was typed meanwhile answers it. */
        greeter(b, GREETER_CONTINUE, "ns", 1, "typed");
        expect(b->server, "3<01><05>typed;");
}

static void test_login(void) {
        Bed *b = bed_asking();

        begin(b);
        ask_for_token(b);
        server(b, SERVER_PROMPT, "nsnns", OURS, "alice", 1, INFO, "Your password expires soon");
        expect(b->server, "");
        server(b, SERVER_END, "nsn", OURS, "alice", 0);
        expect(b->server, "4;");
        server(b, SERVER_SESSION_RESULT, "n", 0);
        /* LightDM ends the greeter; what it says is nobody's business. */
        g_assert_true(relay_is_attempting(b->relay));
        bed_free(b);
}

static void test_refused(void) {
        Bed *b = bed_asking();

        begin(b);
        ask_for_token(b);
        server(b, SERVER_END, "nsn", OURS, "alice", 7);
        expect_asking_again(b);
        server(b, SERVER_END, "nsn", 3, "alice", 0);
        expect(b->greeter, "2<03><05>alice;");
        bed_free(b);
}

/* Each step in which LightDM may be silent. */
static void test_silence(void) {
        for (int steps = 0; steps < 3; steps++) {
                Bed *b = bed_asking();

                begin(b);
                if (steps > 0)
                        ask_for_token(b);
                if (steps > 1) {
                        server(b, SERVER_END, "nsn", OURS, "alice", 0);
                        expect(b->server, "4;");
                }
                relay_give_up(b->relay);
                expect_asking_again(b);
                /* What comes too late is for nobody. */
                server(b, SERVER_PROMPT, "nsnns", OURS, ":ovirt-token", 1, SECRET, CRED_QUESTION);
                server(b, SERVER_END, "nsn", OURS, "alice", 0);
                bed_free(b);
        }
}

static void test_session_that_does_not_start(void) {
        Bed *b = bed_asking();

        begin(b);
        ask_for_token(b);
        server(b, SERVER_END, "nsn", OURS, "alice", 0);
        expect(b->server, "4;");
        server(b, SERVER_SESSION_RESULT, "n", 1);
        expect_asking_again(b);
        bed_free(b);
}

/* Elsewhere, and the greeter is of use again. */
static void test_greeter_outlives_it(void) {
        Bed *b = bed_asking();

        begin(b);
        ask_for_token(b);
        server(b, SERVER_END, "nsn", OURS, "alice", 0);
        server(b, SERVER_SESSION_RESULT, "n", 0);
        forget(b);
        relay_give_up(b->relay);
        expect_asking_again(b);
        bed_free(b);
}

static void test_reset(void) {
        Bed *b = bed_asking();

        begin(b);
        ask_for_token(b);
        server(b, SERVER_END, "nsn", OURS, "alice", 0);
        server(b, SERVER_SESSION_RESULT, "n", 0);
        expect(b->server, "4;");
        server(b, SERVER_IDLE, "");
        g_assert_false(relay_is_attempting(b->relay));
        server(b, SERVER_RESET, "ss", "select-user", "alice");
        expect(b->greeter, "5;6<0b>select-user<05>alice;");
        greeter(b, GREETER_AUTHENTICATE, "ns", 4, "alice");
        expect(b->server, "1<04><05>alice;");
        bed_free(b);
}

/* A password must not get where a token belongs, nor a token where a password does. */
static void test_other_questions(void) {
        static const struct {
                uint32_t style;
                const char *text;
        } questions[] = {{SECRET, "Password: "}, {QUESTION, CRED_QUESTION}, {SECRET, "Token?"}};

        for (size_t i = 0; i < G_N_ELEMENTS(questions); i++) {
                Bed *b = bed_asking();

                begin(b);
                server(b, SERVER_PROMPT, "nsnns", OURS, ":ovirt-token", 1, questions[i].style,
                       questions[i].text);
                expect_asking_again(b);
                bed_free(b);
        }
}

static void test_asked_for_more(void) {
        Bed *b = bed_asking();

        begin(b);
        ask_for_token(b);
        /* A new password; the second question may even look like ours. */
        server(b, SERVER_PROMPT, "nsnns", OURS, "alice", 1, SECRET, CRED_QUESTION);
        expect_asking_again(b);
        bed_free(b);
}

static void test_let_in_without_a_token(void) {
        Bed *b = bed_asking();

        begin(b);
        server(b, SERVER_END, "nsn", OURS, ":ovirt-token", 0);
        expect_asking_again(b);
        bed_free(b);
}

/* Nobody is interrupted whose answer is being looked at, and whoever has been let in comes first. */
static void test_waits_for_a_moment(void) {
        Bed *b = bed_asking();

        greeter(b, GREETER_CONTINUE, "ns", 1, "typed");
        expect(b->server, "3<01><05>typed;");
        relay_offer(b->relay, OTHER_TOKEN);
        relay_offer(b->relay, TOKEN);
        server(b, SERVER_PROMPT, "nsnns", 3, "alice", 1, INFO, "Wait");
        expect(b->greeter, "1<03><05>alice<01><04><04>Wait;");
        expect(b->server, "");
        server(b, SERVER_END, "nsn", 3, "alice", 7);
        expect(b->greeter, "2<03><05>alice<07>;");
        expect(b->server, "1<80><01><0c>:ovirt-token;");
        ask_for_token(b);
        server(b, SERVER_END, "nsn", OURS, "alice", 7);
        /* Nothing was asked: nothing has to be asked again. */
        g_assert_false(relay_is_attempting(b->relay));
        bed_free(b);
}

static void test_not_after_success(void) {
        Bed *b = bed_asking();

        greeter(b, GREETER_CONTINUE, "ns", 1, "typed");
        relay_offer(b->relay, TOKEN);
        server(b, SERVER_END, "nsn", 3, "alice", 0);
        greeter(b, GREETER_START_SESSION, "s", "xfce");
        expect(b->server, "3<01><05>typed;4<04>xfce;");
        server(b, SERVER_SESSION_RESULT, "n", 0);
        expect(b->server, "");
        forget(b);
        bed_free(b);
}

static void test_before_the_greeter_is_there(void) {
        Bed *b = bed_new();

        relay_offer(b->relay, TOKEN);
        greeter(b, 0, "s", "1.26.0");
        expect(b->server, "0<06>1.26.0;");
        server(b, SERVER_CONNECTED, "s", "1.26.0");
        expect(b->greeter, "0<06>1.26.0;");
        expect(b->server, "1<80><01><0c>:ovirt-token;");
        /* It was silent, and LightDM still works on ours. */
        relay_give_up(b->relay);
        expect(b->server, "5;");
        g_assert_false(relay_is_attempting(b->relay));
        bed_free(b);
}

/* Who has typed his name is not asked for it again. */
static void test_name_typed(void) {
        Bed *b = bed_asking();

        greeter(b, GREETER_AUTHENTICATE, "ns", 4, "");
        server(b, SERVER_PROMPT, "nsnns", 4, "", 1, QUESTION, "login:");
        greeter(b, GREETER_CONTINUE, "ns", 1, "bob");
        server(b, SERVER_PROMPT, "nsnns", 4, "bob", 1, SECRET, "Password: ");
        forget(b);
        begin(b);
        ask_for_token(b);
        server(b, SERVER_END, "nsn", OURS, "alice", 7);
        expect(b->server, "1<04><03>bob;");
        server(b, SERVER_PROMPT, "nsnns", 4, "bob", 1, SECRET, "Password: ");
        g_assert_false(relay_is_attempting(b->relay));
        bed_free(b);
}

static void test_another_question_is_shown(void) {
        Bed *b = bed_asking();

        begin(b);
        ask_for_token(b);
        server(b, SERVER_END, "nsn", OURS, "alice", 7);
        expect(b->server, "1<03><05>alice;");
        server(b, SERVER_PROMPT, "nsnns", 3, "alice", 1, INFO, "Hello");
        g_assert_true(relay_is_attempting(b->relay));
        server(b, SERVER_PROMPT, "nsnns", 3, "alice", 1, SECRET, "PIN: ");
        expect(b->greeter, "1<03><05>alice<01><04><05>Hello;1<03><05>alice<01><01><05>PIN: ;");
        g_assert_false(relay_is_attempting(b->relay));
        bed_free(b);
}

static void test_remote_session(void) {
        Bed *b = bed_asking();

        greeter(b, GREETER_AUTHENTICATE_REMOTE, "nss", 4, "rdp", "");
        server(b, SERVER_PROMPT, "nsnns", 4, "", 1, QUESTION, "server:");
        forget(b);
        begin(b);
        relay_give_up(b->relay);
        expect(b->server, "7<04><03>rdp;");
        /* The restoring may fail as well. */
        relay_give_up(b->relay);
        g_assert_false(relay_is_attempting(b->relay));
        bed_free(b);
}

/* Another login while the first is under way: it is used where the first has not been, or has failed. */
static void test_newer_token(void) {
        Bed *b = bed_asking();

        relay_offer(b->relay, OTHER_TOKEN);
        expect(b->server, "1<80><01><0c>:ovirt-token;");
        relay_offer(b->relay, TOKEN);
        ask_for_token(b);
        relay_offer(b->relay, OTHER_TOKEN);
        server(b, SERVER_END, "nsn", OURS, "alice", 7);
        expect(b->server, "1<03><05>alice;");
        server(b, SERVER_PROMPT, "nsnns", 3, "alice", 1, SECRET, "Password: ");
        expect(b->server, "1<80><02><0c>:ovirt-token;");
        /* What is still said of the first is not said of it. */
        server(b, SERVER_PROMPT, "nsnns", OURS, ":ovirt-token", 1, SECRET, CRED_QUESTION);
        server(b, SERVER_END, "nsn", OURS, "alice", 7);
        expect(b->server, "");
        server(b, SERVER_PROMPT, "nsnns", OURS + 1, ":ovirt-token", 1, SECRET, CRED_QUESTION);
        expect(b->server, "3<01> " OTHER_TOKEN ";");
        bed_free(b);
}

/* Whatever is no message of a known kind passes as it is. */
static void test_what_is_not_known_passes(void) {
        Bed *b = bed_asking();

        server(b, SERVER_PROMPT, "n", 3);
        server(b, SERVER_END, "");
        server(b, SERVER_SESSION_RESULT, "");
        server(b, 99, "s", "news");
        expect(b->greeter, "1<03>;2;3;99<04>news;");
        greeter(b, GREETER_AUTHENTICATE, "");
        greeter(b, 8, "s", "alice");
        expect(b->server, "1;8<05>alice;");
        /* A question that nobody has begun. */
        server(b, SERVER_PROMPT, "nsnns", 9, "", 1, SECRET, "?");
        expect(b->greeter, "1<09><01><01><01>?;");
        bed_free(b);
}

static void test_question_before_anything(void) {
        Bed *b = bed_new();

        server(b, SERVER_CONNECTED, "s", "1");
        server(b, SERVER_PROMPT, "nsnns", 0, "", 1, SECRET, "?");
        forget(b);
        begin(b);
        relay_give_up(b->relay);
        expect(b->server, "5;");
        bed_free(b);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/relay/login", test_login);
        g_test_add_func("/relay/refused", test_refused);
        g_test_add_func("/relay/silence", test_silence);
        g_test_add_func("/relay/session-that-does-not-start", test_session_that_does_not_start);
        g_test_add_func("/relay/greeter-outlives-it", test_greeter_outlives_it);
        g_test_add_func("/relay/reset", test_reset);
        g_test_add_func("/relay/other-questions", test_other_questions);
        g_test_add_func("/relay/asked-for-more", test_asked_for_more);
        g_test_add_func("/relay/let-in-without-a-token", test_let_in_without_a_token);
        g_test_add_func("/relay/waits-for-a-moment", test_waits_for_a_moment);
        g_test_add_func("/relay/not-after-success", test_not_after_success);
        g_test_add_func("/relay/before-the-greeter-is-there", test_before_the_greeter_is_there);
        g_test_add_func("/relay/name-typed", test_name_typed);
        g_test_add_func("/relay/another-question-is-shown", test_another_question_is_shown);
        g_test_add_func("/relay/remote-session", test_remote_session);
        g_test_add_func("/relay/newer-token", test_newer_token);
        g_test_add_func("/relay/what-is-not-known-passes", test_what_is_not_known_passes);
        g_test_add_func("/relay/question-before-anything", test_question_before_anything);
        return g_test_run();
}
