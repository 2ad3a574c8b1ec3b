#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One check of the source tree per run: lint.py SOURCE-ROOT CHECK. Prints each finding; exit status 1 if any,
77 if the tool that the check needs is not installed."""

import ast
import fnmatch
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.abspath(sys.argv[1])
SKIP = 77


def files():
    """Paths of all files of the project, relative to its root: git's, or all there are outside a checkout."""
    git = subprocess.run(['git', '-c', 'safe.directory=*', '-C', ROOT, 'ls-files', '-z', '--cached', '--others',
                          '--exclude-standard'], capture_output=True, text=True)
    if git.returncode == 0:
        names = git.stdout.split('\0')
    else:
        names = [os.path.relpath(os.path.join(d, f), ROOT) for d, subdirs, fs in os.walk(ROOT) for f in fs
                 if not os.path.relpath(d, ROOT).startswith(('build', '.git'))]
    return sorted(n for n in set(names) if os.path.isfile(os.path.join(ROOT, n)))


def read(name):
    """A file's text, or None if it is not text or not there."""
    if not os.path.isfile(os.path.join(ROOT, name)):
        return None
    with open(os.path.join(ROOT, name), 'rb') as f:
        data = f.read()
    try:
        return None if b'\0' in data else data.decode()
    except UnicodeDecodeError:
        return None


def is_test_input(name):
    return name.startswith(('tests/fuzz/corpus/', 'tests/data/'))


def sources(*suffixes):
    return [n for n in files() if n.endswith(suffixes) and not is_test_input(n)]


def scripts(interpreter, suffix):
    """Files with the suffix, and files without one whose first line names the interpreter."""
    shebang = re.compile(r'#!.*\b' + interpreter + r'[0-9.]*\b')
    return [n for n in files() if not is_test_input(n)
            and (n.endswith(suffix) or ('.' not in os.path.basename(n[1:]) and shebang.match(read(n) or '')))]


def grep(pattern, names, why):
    found = []
    for name in names:
        for number, line in enumerate((read(name) or '').splitlines(), 1):
            m = re.search(pattern, line)
            if m:
                found.append(f'{name}:{number}: "{m.group(0).strip()}": {why}')
    return found


def run(*argv):
    """Runs a tool in the source root; its output is the finding if it fails."""
    if not shutil.which(argv[0]):
        print(f'{argv[0]} is not installed')
        sys.exit(SKIP)
    p = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return [p.stdout or f'{argv[0]} failed'] if p.returncode else []


def check_format():
    """clang-format has nothing to change, and no line is too long for a reader."""
    names = sources('.c', '.h')
    return run('clang-format', '--dry-run', '--Werror', *names)


def check_spdx():
    names = sources('.c', '.h', '.py', '.xml', '.in', '.rules', '.scd', '.sh', 'meson.build') \
        + scripts('python', '.py') + scripts('(ba)?sh', '.sh')
    return [f'{n}: no SPDX-License-Identifier among the first lines' for n in sorted(set(names))
            if 'SPDX-License-Identifier: Apache-2.0' not in '\n'.join((read(n) or '').splitlines()[:5])]


def check_words():
    """What belongs to one developer's machine, and marks of unfinished work."""
    text = [n for n in files() if not is_test_input(n) and n != 'LICENSE']
    found = grep(re.escape(ROOT) + r'\b', text, 'path of one checkout')
    found += grep(r'/home/[a-z]+/(src|git|work)', text, "path of one person's machine")
    found += grep(r'\b(docker[.]io|quay[.]io|ghcr[.]io|gcr[.]io|registry[.][\w-]+[.](io|org|com|net))\b',
                  text, 'a registry: tests and builds do without the network')
    found += grep(r'(?i)\b(to[d]o|fix[m]e|xx[x]|place[h]older|for [n]ow)\b', text, 'unfinished work')
    found += grep(r'^(<{7}|={7}|>{7})( |$)', text, 'merge conflict')
    found += grep(r'[ \t]+$', [n for n in text if not n.endswith('.md')], 'blanks at the end of the line')
    return found


def check_banned():
    """Functions whose bounds or whose caller's input cannot be checked, with what to use instead."""
    c = sources('.c', '.h')
    found = grep(r'(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|stpcpy|gets|strtok|atoi|atol|alloca)\s*\(', c,
                 'no bound or no error: GLib has a better one')
    found += grep(r'(?<![\w.>])(system|popen)\s*\(', c, 'a shell sees the text')
    found += grep(r'(?<![\w.>])(tmpnam|mktemp|tempnam)\s*\(', c, 'somebody else may make that file first')
    found += grep(r'(?<![\w.>])(strerror|localtime|gmtime|ctime|asctime|getpwnam|getpwuid)\s*\(', c,
                  'one static buffer for all: use %m or the _r variant')
    program = [n for n in c if not n.startswith('tests/')]
    found += grep(r'(?<![\w.>])(sleep|usleep|nanosleep)\s*\(', program, 'nothing waits outside the event loop')
    found += grep(r'(?<![\w.>])(malloc|calloc|realloc|strdup|asprintf)\s*\(',
                  [n for n in program if n.startswith('system-agent/')], "GLib's allocator only")
    return found


def check_length():
    return [f'{n}: {lines} lines; a file past 600 is more than one module' for n in sources('.c', '.h', '.py')
            if (lines := len((read(n) or '').splitlines())) > 600]


def check_spelling():
    names = [n for n in files() if not is_test_input(n) and n != 'LICENSE']
    return run('codespell', '--ignore-words-list=fo,te,ba,ans,som,alls,nd,ser,nulll', *names)


def check_shell():
    return run('shellcheck', '--severity=style', *scripts('(ba)?sh', '.sh'))


def check_xml():
    names = sources('.xml') + [n for n in sources('.conf') if (read(n) or '').startswith('<')]
    return run('xmllint', '--noout', '--nonet', *names) if names else ['no XML file found']


def check_python():
    names = scripts('python', '.py')
    found = []
    for name in names:
        text = read(name) or ''
        try:
            ast.parse(text, name)
        except SyntaxError as e:
            found.append(f'{name}:{e.lineno}: {e.msg}')
    return found or run('pyflakes3', *names)


def check_cppcheck():
    includes = [f'-I{d}' for d in ('system-agent', 'session-agent', 'dbus-interfaces', 'pam_ovirt_cred',
                                      'lightdm-greeter-wrapper', 'tests/fuzz')
                if os.path.isdir(os.path.join(ROOT, d))]
    return run('cppcheck', '--quiet', '--error-exitcode=1', '--enable=warning,performance,portability', '-j2',
               '--inline-suppr', '--std=c11', '--library=gtk', '--library=posix', '--library=gnu',
               '--suppress=missingInclude', '--suppress=missingIncludeSystem', '--suppress=unmatchedSuppression',
               # cppcheck 2.10 knows neither cleanup attributes (valgrind and ASan look for leaks), nor 0x1p63, nor
               # arrays of functions, nor that accept4() takes NULL; and readdir_r() is no improvement.
               '--suppress=memleak', '--suppress=resourceLeak', '--suppress=incorrectLogicOperator',
               '--suppress=uninitvar:system-agent/guest-info/timezone.c', '--suppress=nullPointer:tests/*',
               # A test that fails ends the program, which cppcheck does not see; and none is built without asserts.
               '--suppress=uninitvar:tests/*', '--suppress=assertWithSideEffect:tests/*',
               '--suppress=readdirCalled',
               '--suppress=unknownMacro', '-D_GNU_SOURCE', '-D__GNUC__=12', '-DPROJECT_VERSION="0"',
               '-DCONFIG_FILE="/"', *includes, *[n for n in sources('.c') if not n.startswith('tests/bench/')])


def check_news():
    """The version, which lives in meson.build, is told of in NEWS.md and packaged."""
    m = re.search(r"^\s*version : '([^']+)'", read('meson.build') or '', re.M)
    if not m:
        return ['meson.build: no version']
    version = re.escape(m.group(1))
    return [f'{name}: nothing about version {m.group(1)}' for name, pattern in (
        ('NEWS.md', rf'^## {version}\b'),
        ('packaging/debian/changelog', rf'\Aovirt-guest-agent \({version}\) '),
        ('packaging/ovirt-guest-agent.spec', rf'^Version: +{version}$'),
    ) if not re.search(pattern, read(name) or '', re.M)]


def check_packages():
    """What is installed is in a package: the list for rpm is as long as that of install-tree."""
    macros = {'pammoduledir': '%{_libdir}/security', 'systemunitdir': '%{_unitdir}',
              **{d: f'%{{_{d}}}' for d in ('libexecdir', 'userunitdir', 'udevrulesdir', 'sysconfdir', 'datadir', 'mandir')}}
    spec = read('packaging/ovirt-guest-agent.spec') or ''
    listed = [line.split()[-1] for line in spec.split('\n%files', 1)[-1].splitlines() if '%{_' in line]
    files = {line.split()[1].format(**macros) for line in (read('tests/lint/install-tree.expected') or '').splitlines()
             if line[:1].isdigit()}
    return [f'packaging/ovirt-guest-agent.spec: {f} is in no package' for f in sorted(files)
            if not any(fnmatch.fnmatchcase(f, p) or (p.endswith('/') and f.startswith(p)) for p in listed)] \
        + [f'packaging/ovirt-guest-agent.spec: there is no {p}' for p in listed if not p.endswith('/')
           and not any(fnmatch.fnmatchcase(f, p) or f.startswith(p + '/') for f in files) and '/hooks.d/' not in p]


def check_fuzzers():
    """Each fuzzer is built and has a corpus."""
    listed = set(re.findall(r"^ +'([\w-]+)',$", read('tests/fuzz/meson.build') or '', re.M))
    there = {m.group(1) for n in files() if (m := re.fullmatch(r'tests/fuzz/fuzz-(.+)\.c', n))} - {'main'}
    corpora = {n.split('/')[3] for n in files() if n.startswith('tests/fuzz/corpus/')}
    return [f'fuzz-{n}: in only one of tests/fuzz/meson.build and tests/fuzz/' for n in sorted(listed ^ there)] \
        + [f'tests/fuzz/corpus/{n}: for no fuzzer, or nothing in it' for n in sorted(there ^ corpora)]


def expand(pattern):
    """Shell braces: a{b,c} -> ab, ac."""
    m = re.search(r'\{([^}]*)\}', pattern)
    if not m:
        return [pattern]
    return [p for choice in m.group(1).split(',')
            for p in expand(pattern[:m.start()] + choice + pattern[m.end():])]


def layers():
    """The rows of the table in docs/architecture.md: (name, file patterns, include patterns, libraries)."""
    rows = []
    for line in (read('docs/architecture.md') or '').splitlines():
        cells = [c.strip() for c in line.strip('|').split('|')] if line.startswith('|') else []
        if len(cells) != 4 or '`' not in cells[1]:
            continue
        patterns = [[p for q in re.findall(r'`([^`]+)`', cells[i]) for p in expand(q)] for i in (1, 2)]
        rows.append((cells[0], *patterns, [word.strip() for word in cells[3].split(',')]))
    return rows


LIBRARIES = [
    ('glib', r'glib(\.h|/.*|-unix\.h|-object\.h)'), ('gio', r'gio/.*'), ('json-glib', r'json-glib/.*'),
    ('x11', r'X11/.*'), ('pam', r'security/.*'),
] + [(f'sd-{s}', rf'systemd/sd-{s}\.h') for s in ('bus', 'event', 'login', 'daemon', 'journal', 'id128', 'device')]


def check_layers():
    rows = layers()
    if len(rows) < 5:
        return ['docs/architecture.md: the table of layers is not there']
    found = []
    used = set()

    def match(name, patterns):
        return any(fnmatch.fnmatchcase(name, p) for p in patterns)

    for name in sources('.c', '.h'):
        if name.startswith(('tests/', 'dbus-interfaces/')):
            continue
        row = next((r for r in rows if match(name, r[1])), None)
        if not row:
            found.append(f'{name}: in no row of the table in docs/architecture.md')
            continue
        used.add(row[0])
        for number, line in enumerate((read(name) or '').splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
            if not m:
                continue
            where, target = f'{name}:{number}', m.group(2)
            if m.group(1) == '<':
                library = next((lib for lib, pattern in LIBRARIES if re.fullmatch(pattern, target)), None)
                if library and library not in row[3]:
                    found.append(f'{where}: <{target}>: {library} is not for the layer "{row[0]}"')
                continue
            paths = [os.path.normpath(os.path.join(d, target))
                     for d in (os.path.dirname(name), 'system-agent', 'dbus-interfaces', 'pam_ovirt_cred', '.')]
            path = next((p for p in paths if os.path.isfile(os.path.join(ROOT, p))), None)
            if path is None:        # made by the build: the bus code of the session agent
                path = 'dbus-interfaces/' + target
            own = os.path.splitext(path)[0] == os.path.splitext(name)[0]
            if not own and not match(path, row[2]):
                found.append(f'{where}: "{target}" is not for the layer "{row[0]}"')
    # A row that no file needs any more is a lie; folders that do not exist yet have rows already.
    for layer, patterns, _, _ in rows:
        if layer not in used and any(os.path.isdir(os.path.join(ROOT, os.path.dirname(p)))
                                     and fnmatch.filter(files(), p) for p in patterns):
            found.append(f'docs/architecture.md: rows above hide "{layer}"')
    return found


def main():
    check = globals().get(f'check_{sys.argv[2]}')
    if not check:
        sys.exit(f'no such check: {sys.argv[2]}')
    found = check()
    print('\n'.join(found))
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main()
