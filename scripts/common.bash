# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are used where this is sourced
# What the scripts share: headings, processes and a directory that end with the script, Python environments, ports. To be
# sourced.

repository=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# For ordinary users, Debian leaves out the directories where nginx is.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

bold='' dim='' green='' red='' plain=''
if [[ -t 1 && -z ${NO_COLOR-} ]]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

heading() {
  printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

fail() {
  printf '%s%s: %s%s\n' "$red" "${0##*/}" "$*" "$plain" >&2
  exit 1
}

# start COMMAND...: runs it in the background, in a session of its own, so that Ctrl-C ends only this script and this
# script ends the rest, in order.
start() {
  setsid "$@" </dev/null &
}

# run_bounded LIMIT COMMAND...: runs it to its end. Unlike a foreground command it does not keep this script from acting
# on a signal at once.
run_bounded() {
  local session status=0
  start timeout --kill-after=60s "$@"
  session=$!
  wait "$session" || status=$?
  if ((status != 0)); then stop_session "$session"; fi
  return "$status"
}

# How long a process that was asked to end may take, in tenths of a second. Workers take up to 25 s for what is in flight.
stop_patience=350

# session_members SESSION: the ids of its living processes. Its process groups will not do: each compiler that swift
# starts is in one of its own.
session_members() {
  local stat line fields
  for stat in /proc/[0-9]*/stat; do
    { read -r line <"$stat"; } 2>/dev/null || continue
    # After the name, which may hold anything: state, parent, process group, session.
    read -ra fields <<<"${line##*) }"
    if [[ ${fields[3]} == "$1" && ${fields[0]} != Z ]]; then echo "${line%% *}"; fi
  done
}

# stop_session SESSION: ends what `start` started; SESSION is what it left in `$!`.
stop_session() {
  local members tries
  # It may be so young that it is not yet in its own session.
  if [[ $'\n'$(jobs -pr)$'\n' == *$'\n'$1$'\n'* ]]; then kill -s TERM "$1" 2>/dev/null || true; fi
  for ((tries = 0; tries < stop_patience; tries++)); do
    mapfile -t members < <(session_members "$1")
    ((${#members[@]})) || return 0
    # Again each second: what was asked to end may have started another process just before.
    if ((tries % 10 == 0)); then kill -s TERM "${members[@]}" 2>/dev/null || true; fi
    sleep 0.1
  done
  kill -s KILL "${members[@]}" 2>/dev/null || true
}

# Ends what this script started, the latest first.
stop_all() {
  local sessions index
  mapfile -t sessions < <(jobs -p)
  for ((index = ${#sessions[@]} - 1; index >= 0; index--)); do
    stop_session "${sessions[index]}"
  done
}

# Where a script keeps what is to be removed at its end.
directory=''

make_directory() {
  local parent=${TMPDIR:-/tmp}
  # The path of a unix socket has at most 107 bytes, and nginx would have to be told how to read a strange one.
  if ((${#parent} > 60)) || [[ $parent =~ [^A-Za-z0-9/._-] ]]; then parent=/tmp; fi
  directory=$(mktemp -d "$parent/token-service.XXXXXX")
}

on_exit() {
  local status=$?
  trap '' HUP INT TERM
  stop_all
  if [[ -n $directory ]]; then rm -rf -- "$directory"; fi
  exit "$status"
}

trap on_exit EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# make_python_environment DIRECTORY REQUIREMENTS OPTION: installs what is required from PyPI, unless that was done since it
# last changed. OPTION is how scripts/test does without.
make_python_environment() {
  local environment=$1 requirements=$2 option=$3
  if cmp --silent "$requirements" "$environment/requirements.txt"; then return; fi
  python3 -c 'import ensurepip, venv' 2>/dev/null || "$repository/scripts/install-dependencies" python3-venv
  run_bounded 5m python3 -m venv --clear "$environment" || fail "python3 could not make $environment"
  run_bounded 10m "$environment/bin/pip" install --quiet --disable-pip-version-check --retries 1 --requirement "$requirements" ||
    fail "what $requirements names could not be installed from PyPI, which needs the network this once. Without it: scripts/test $option"
  cp -- "$requirements" "$environment"
}

is_port_taken() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Below the range that the kernel gives to outgoing connections.
free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); is_port_taken "$port"; do :; done
  echo "$port"
}

# build_program CONFIGURATION NAME: for release as it is packaged. Then without Swift's libraries, which the server does not
# have, and so that what the loader has resolved is read-only when the program begins.
build_program() {
  local flags=()
  if [[ $1 == release ]]; then flags=(--static-swift-stdlib -Xlinker -z -Xlinker relro -Xlinker -z -Xlinker now); fi
  run_bounded 60m swift build --configuration "$1" "${flags[@]}" --product "$2" || fail "$2 could not be built"
}

# build_programs CONFIGURATION: the service and the simulator, built and then copied into `directory`.
build_programs() {
  local name programs
  for name in runner-token-service github-simulator; do build_program "$1" "$name"; done
  programs=$(swift build --configuration "$1" --show-bin-path)
  cp -- "$programs/runner-token-service" "$programs/github-simulator" "$directory"
}
