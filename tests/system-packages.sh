#!/bin/sh
# Installs what the tests need and PyPI does not have, from Debian. What is there already is left alone.
# Without the right to install, it says so and ends well: the tests that miss a program then fail by name.
set -eu

missing=
want() { # command, package, reason
    command -v "$1" >/dev/null && return
    echo "The package $2 is missing: $3"
    missing="$missing $2"
}
want promtool prometheus "promtool checks and tests the alert rules, prometheus evaluates them"
want amtool prometheus-alertmanager "amtool checks the alert routing, alertmanager delivers in the tests"
want chromium chromium "a browser opens the live page and the reports"
want redis-server redis-server "the state store is held to its contract on Redis as well as on Valkey"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "No apt-get here: please install$missing yourself; until then tests that need them fail" >&2
    exit 0
elif [ "$(id -u)" = 0 ]; then
    as_root="env DEBIAN_FRONTEND=noninteractive"
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n env DEBIAN_FRONTEND=noninteractive"
else
    echo "Neither root nor sudo without a password: please install$missing; until then tests that need them fail" >&2
    exit 0
fi

# The packages would start their services on the standard ports. Debian asks this file first; 101 forbids it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$as_root rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod +x "$policy"
fi

echo "Installing$missing, without starting any service"
$as_root apt-get -qq update
# shellcheck disable=SC2086 # a list of words
$as_root apt-get -qq install --no-install-recommends -y $missing >/dev/null
