/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a greeter of LightDM's, with pipes of ours in place of LightDM's, and logs in by itself whom the host
 * sends. Where that cannot be, it runs the greeter and nothing else: nobody is locked out. */

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include <systemd/sd-login.h>

#include "greeter-process.h"
#include "util/cleanup.h"
#include "util/log.h"

/* The host shows the person whose password it sends the screen of seat0. LightDM runs the greeters of other
 * seats and of other machines as the same user, and they would hear the agent as well. */
static int check_place(void) {
        _cleanup_free_ char *session = NULL, *seat = NULL, *class = NULL;
        int r;

        if ((r = sd_pid_get_session(0, &session)) < 0 || (r = sd_session_get_class(session, &class)) < 0 ||
            (r = sd_session_get_seat(session, &seat)) < 0 || (r = sd_session_is_remote(session)) < 0)
                return r;
        return r == 0 && strcmp(class, "greeter") == 0 && strcmp(seat, "seat0") == 0 ? 0 : -EXDEV;
}

int main(int argc, char **argv) {
        int r;

        if (argc < 2) {
                fprintf(stderr,
                        "Usage: %s GREETER [ARGUMENT...]\nFor greeter-wrapper= of LightDM; see "
                        "ovirt-lightdm-wrapper(8).\n",
                        argv[0]);
                return 2;
        }
        log_open();
        r = check_place();
        if (r < 0)
                log_info_errno(r,
                               "Not the login screen of seat0 (%m): nobody is logged in by the host here");
        else {
                /* Passwords and tokens pass here: no core dumps, no debuggers. */
                (void) prctl(PR_SET_DUMPABLE, 0);
                r = greeter_run(argv + 1);
                if (r >= 0)
                        return r;
                log_error_errno(r, "Nobody is logged in by the host: %m");
        }
        (void) greeter_exec(argv + 1);
        return 127;
}
