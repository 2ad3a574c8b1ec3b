// SPDX-License-Identifier: Apache-2.0
// knock.js SERVICE USER ANSWER: asks GDM for a conversation with a service of PAM's, as any program of a session may, and
// gives the answer to each hidden question. USER is who is to be verified; without one PAM is to say it. Prints what GDM
// says, one signal in a line, until the conversation ends.
const {Gio, GLib} = imports.gi;
const [service, user, answer] = ARGV;
const MANAGER = 'org.gnome.DisplayManager';
const VERIFIER = `${MANAGER}.UserVerifier`;
const loop = new GLib.MainLoop(null, false);

const address = Gio.DBus.system.call_sync(MANAGER, '/org/gnome/DisplayManager/Manager', `${MANAGER}.Manager`,
    'OpenReauthenticationChannel', new GLib.Variant('(s)', [user]), null, 0, 10000, null).deepUnpack()[0];
const gdm = Gio.DBusConnection.new_for_address_sync(address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, null, null);

function call(method, type, args) {
    gdm.call(null, '/org/gnome/DisplayManager/Session', VERIFIER, method, new GLib.Variant(type, args), null, 0, -1, null,
        (c, result) => {
            try {
                c.call_finish(result);
            } catch (e) {
                print(`${method}: ${e.message}`);
                loop.quit();
            }
        });
}

gdm.signal_subscribe(null, VERIFIER, null, null, null, 0, (c, sender, path, iface, name, args) => {
    print([name, ...args.deepUnpack()].join(' '));
    if (name === 'SecretInfoQuery')
        call('AnswerQuery', '(ss)', [service, answer]);
    if (name === 'ConversationStopped' || name === 'VerificationComplete')
        loop.quit();
});
gdm.connect('closed', () => loop.quit());
if (user)
    call('BeginVerificationForUser', '(ss)', [service, user]);
else
    call('BeginVerification', '(s)', [service]);
GLib.timeout_add_seconds(0, 20, () => loop.quit());
loop.run();
