#!/bin/sh
# Turns this machine into a self-hosted runner of GitHub Actions by way of runner-token-service, and removes the runner
# when it ends. POSIX sh and curl; see --help.
#
# Secrets are in variables of this shell and in the runner's environment. Other users see the arguments of every command
# (ps), so secrets go to curl by its standard input, and nothing is written to a file.
set +avx # What started this may trace it or export all of its variables.
set -euf

usage() {
  cat <<'END'
Usage: provision-runner.sh --url URL (--name NAME | --prefix PREFIX) [OPTION]...

Proves who it is to the runner-token-service at URL with an OIDC token, is given a
runner, starts it in the directory that actions/runner was unpacked into, and
removes it at the service when it ends: after its job, on SIGTERM, SIGINT or
SIGHUP (which the runner gets as SIGTERM), or because it never started.

The runner:
  --name NAME           its name, or
  --prefix PREFIX       what its name begins with; a random rest is made up
  --label LABEL         a label; may be given several times
  --group ID            the id of its runner group, if not the default one
  --registration-token  registers with config.sh, not by JIT config
  --persistent          stays after its first job; with --registration-token only
  --directory DIR       where config.sh and run.sh are (default: here)

The OIDC token, read afresh for each request; by default the first of these that
is there:
  --token-variable VAR  in an environment variable (RUNNER_OIDC_TOKEN); for GitLab
                        the name under id_tokens
  --github-actions      from GitHub Actions, in a job with 'id-token: write'
  --token-file FILE     in a file (/var/run/secrets/runner-token-service/token); for
                        Kubernetes that of a projected serviceAccountToken
  --token-command CMD   what a shell command prints; never by default
  --audience NAME       whom a token of --github-actions is for (default:
                        runner-token-service)

The service:
  --url URL             https://...; http is for this machine only
  --ca-file FILE        trust the certificate authorities in this PEM file only
  --wait SECONDS        how long to wait for an admin's approval (default: 3600)
  --approval ID         use an approval that was given; needs the same --name
  --retry SECONDS       how long to try while the service asks to come back later
                        (default: 300)
  --dry-run             only print, as JSON, what would be decided and why

  -h, --help            this text

Examples:
  provision-runner.sh --url https://runner-tokens.example.org --prefix ci \
      --label gpu --token-file /run/oidc/token --directory /opt/actions-runner
  RUNNER_OIDC_TOKEN=$(my-login) provision-runner.sh --dry-run \
      --url https://runner-tokens.example.org --prefix ci --label gpu

Ends with the runner's own status once it was started, and otherwise with
  64   wrong options                  66   no OIDC token, CA file or runner to use
  69   the service cannot be reached, or is not available
  75   no approval within --wait      76   an answer that cannot be understood
  77   refused; the message has the service's error_code
  129, 130, 143   SIGHUP, SIGINT, SIGTERM before the runner was started
A dry run ends with 0 if the runner would be granted and 77 if not.
END
}

# MARK: - Telling

say() {
  printf '%s: %s\n' "${0##*/}" "$*" | printable >&2
}

# fail STATUS MESSAGE
fail() {
  code=$1
  shift
  say "$@"
  exit "$code"
}

# No control character of a server's reaches the terminal.
printable() {
  LC_ALL=C tr -c '\012\040-\176' '?'
}

# The last answer's JSON, with another escape for quotes and backslashes, so that no text in it can look like a member.
json() {
  printf '%s\n' "$body" | LC_ALL=C sed -e 's/\\\\/\\u005c/g' -e 's/\\"/\\u0022/g'
}

# member NAME: the text of this member of the last answer. Other escapes stay as they are.
member() {
  json | LC_ALL=C sed -n "s/.*\"$1\" *: *\"\\([^\"]*\\)\".*/\\1/p" |
    LC_ALL=C sed -e 's/\\u0022/"/g' -e 's/\\u005c/\\/g' -e 's/\\\//\//g'
}

# Ends with what the service said about the last answer.
refuse() {
  case $status in
    000) fail 69 "No answer from $url (curl ended with $failure)." ;;
    5?? | 429 | 409) code=69 ;;
    4??) code=77 ;;
    *) fail 76 "The service answered $status, which cannot be understood." ;;
  esac
  error_code=$(member error_code)
  # Those that ask to come back later have been tried for as long as they may.
  case $status in 429 | 409) [ -n "$(header "$retry_after")" ] || code=77 ;; esac
  [ -n "$error_code" ] || fail "$code" "The service answered $status without an explanation."
  say "$(member detail) ($status $error_code, request $(member request_id))"
  case $error_code in
    VALIDATION_ERROR)
      json | tr '{' '\n' |
        LC_ALL=C sed -n 's/^"field":"\([^"]*\)","message":"\([^"]*\)".*/  \1 \2/p' | printable >&2
      ;;
    LABEL_POLICY_VIOLATION)
      json |
        LC_ALL=C sed -n 's/.*"invalid_labels":\[\([^]]\{1,\}\)\].*/  labels: \1/p' | printable >&2
      ;;
  esac
  exit "$code"
}

# MARK: - Signals

# The config.sh or run.sh that runs; nothing before, between and after.
process=''
# A pause that is to end with this script.
sleeper=''
# While what was asked for is not noted yet, a signal waits.
is_noting=false
signalled=''
# Whether a signal came, for whoever waits.
interrupted=false

on_signal() {
  signalled=$1 interrupted=true
  if [ -n "$process" ]; then
    rm -f -- "$lock/wanted"
    children=''
    # config.sh is a script that waits for a program, and does not pass signals on.
    if [ "$is_configuring" = true ]; then
      read -r children 2>/dev/null <"/proc/$process/task/$process/children" || :
    fi
    # shellcheck disable=SC2086 # they are separate
    kill -s TERM "$process" $children 2>/dev/null || :
  elif [ "$is_noting" = false ]; then
    exit "$1"
  fi
}

# wait_for PID: to its end, however many signals come; with its status.
wait_for() {
  ended=127
  while :; do
    interrupted=false result=0
    wait "$1" || result=$?
    # 127: it had ended already when a signal came.
    if [ "$result" != 127 ]; then ended=$result; fi
    # A signal that comes while another is told of may end a wait of bash's, and nobody is told of it.
    if [ "$interrupted" = false ] && { [ "$result" = 127 ] || ! kill -0 "$1" 2>/dev/null; }; then return "$ended"; fi
  done
}

noted() {
  is_noting=false
  if [ -n "$signalled" ]; then on_signal "$signalled"; fi
}

# Unlike a sleep in the foreground it ends at once on a signal.
pause() {
  sleep "$1" &
  sleeper=$!
  wait "$sleeper" || :
  sleeper=''
}

on_exit() {
  code=$?
  set +e
  trap - EXIT
  trap '' HUP INT TERM
  # What was asked for has come, and what follows is not to end at once.
  signalled=''
  if [ -n "$sleeper" ]; then kill "$sleeper" 2>/dev/null; fi
  if [ -n "$runner" ]; then (remove_runner) || tell_how_to_remove; fi
  # What of a registration is left here, or the next one would be refused.
  if [ "$was_registered" = true ] && [ -e "$directory/.runner" ]; then (launch ./config.sh remove --local) </dev/null >&2; fi
  if [ "$is_locked" = true ]; then
    rm -f -- "$lock/wanted"
    rmdir -- "$lock"
  fi
  exit "$code"
}

# MARK: - The OIDC token

# Puts a token into `token`. Each request takes a new one, since it may run out while the runner works.
read_token() {
  case $source in
    file) token=$(cat -- "$token_file") || return 1 ;;
    command) token=$(sh -c "$token_command" </dev/null) || return 1 ;;
    variable) eval "token=\${$token_variable-}" ;;
    github) github_token || return 1 ;;
  esac
  # Nothing else can be in a token, and a quote would end curl's header.
  case $token in
    '' | *[!A-Za-z0-9._~+/=-]*)
      say "What came from the $source is not an OIDC token."
      return 1
      ;;
  esac
}

github_token() {
  if [ -z "${ACTIONS_ID_TOKEN_REQUEST_URL-}" ] || [ -z "${ACTIONS_ID_TOKEN_REQUEST_TOKEN-}" ]; then
    say "GitHub Actions gives this job no OIDC token; it needs 'permissions: id-token: write'."
    return 1
  fi
  body=$(
    printf 'header = "Authorization: Bearer %s"\n' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" |
      curl -q -fsS --max-time 30 --retry 3 --proto '=http,https' --config - \
        "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$audience"
  ) || return 1
  token=$(member value)
}

# MARK: - The service

# Web servers spell headers in either way.
location='[Ll]ocation' retry_after='[Rr]etry-[Aa]fter'

# header PATTERN: the value of this header of the last answer.
header() {
  printf '%s\n' "$head" | tr -d '\r' | LC_ALL=C sed -n "s/^$1: *//p" | sed 1q
}

# request METHOD PATH CURL-OPTION...: leaves the answer in `status`, `head` and `body`, and the runner that it gave in
# `runner`. Without an answer `status` is 000, and `failure` says why.
request() {
  method=$1
  path=$2
  shift 2
  status=000 head='' body='' failure=0
  is_noting=true
  # Not even Ctrl-C ends curl: with a lost answer goes the name of a runner that is there.
  answer=$(transfer "$@") || failure=$?
  if [ "$failure" = 0 ]; then read_answer; fi
  if [ "$method $path" = "POST $route" ]; then note_runner; fi
  answer=''
  noted
}

# transfer CURL-OPTION...: prints the answer. In a child of this shell, where a signal is told of and changes nothing.
transfer() {
  has_told=false
  trap tell_of_patience HUP INT TERM
  (
    trap '' HUP INT TERM
    printf 'header = "Authorization: Bearer %s"\n' "$token" |
      curl -q -sS --include --suppress-connect-headers --max-time "$patience" --globoff --proto '=http,https' \
        ${ca_file:+--cacert "$ca_file"} --request "$method" --header 'Expect:' --config - \
        "$@" "$url$path"
  ) &
  wait_for "$!"
}

tell_of_patience() {
  interrupted=true
  # Nor may another signal end what prints it. One that came before this line has been told of in its middle.
  trap '' HUP INT TERM
  if [ "$has_told" = true ]; then return; fi
  has_told=true
  say "Waiting up to $patience s for the service's answer, so that no runner is left behind."
}

# Leaves the parts of `answer` in `status`, `head` and `body`.
read_answer() {
  body=$answer
  while :; do
    head=${body%%"$blank_line"*}
    body=${body#*"$blank_line"}
    status=${head#* }
    status=${status%%[!0-9]*}
    # Interim answers (103) come before the one that counts.
    case $status in 1??) ;; *) break ;; esac
    if [ "$head" = "$body" ]; then break; fi
  done
}

# What has to be removed in the end.
note_runner() {
  case $status in
    201)
      runner=$(header "$location")
      runner=${runner##*/}
      case $runner in '' | .* | *[!A-Za-z0-9._-]*)
        # Without a script, nothing is started.
        body=''
        note_made_up_name
        ;;
      esac
      ;;
    000)
      # Nothing was sent where the server could not be resolved, connected to or trusted.
      case $failure in 5 | 6 | 7 | 35 | 60) return ;; esac
      note_made_up_name
      ;;
    202 | 4?? | 503) ;;
    # The service may have done it, or may still do it.
    *) note_made_up_name ;;
  esac
}

# Nobody else has a name with our random rest, so it can be removed whether or not it came to be.
note_made_up_name() {
  runner=$made_up_name
  [ -n "$runner" ] || say "Runner $name may have been made; GET /api/v1/runners/$name says so."
}

# ask METHOD PATH CURL-OPTION...: request, and again while the service asks to come back later.
ask() {
  waited=0
  while :; do
    read_token || fail 66 'There is no OIDC token.'
    request "$@"
    case $status in
      409 | 429 | 503) delay=$(header "$retry_after") ;;
      000) case $failure in 6 | 7) delay=5 ;; *) return 0 ;; esac ;;
      *) return 0 ;;
    esac
    case $delay in '' | *[!0-9]* | ???????*) return 0 ;; 0) delay=1 ;; esac
    waited=$((waited + delay))
    if [ "$waited" -gt "$retry" ]; then return 0; fi
    if [ "$status" = 000 ]; then
      say "No answer from $url; again in $delay s."
    else
      say "Not yet ($status $(member error_code)): $(member detail) Again in $delay s."
    fi
    pause "$delay"
  done
}

# The request's body. Nothing in it needs quoting.
wanted() {
  printf '{"runner_name":"%s","labels":[%s]%s%s%s}' "$name" "$labels" \
    "${group:+,\"runner_group_id\":$group}" "${ephemeral:+,\"ephemeral\":$ephemeral}" \
    "${approval:+,\"approval_id\":\"$approval\"}"
}

# Asks for the runner and leaves the script that starts it in `body`.
provision() {
  while :; do
    ask POST "$route" --header 'Content-Type: application/json' \
      --header 'Accept: text/x-shellscript' --data "$(wanted)"
    case $status in
      201) break ;;
      202) [ -z "$approval" ] || fail 76 "The service does not take its own approval $approval." ;;
      *) refuse ;;
    esac
    wait_for_approval
  done
  case $body in '#!/bin/sh'*) ;; *) fail 76 'The service did not say which runner it gave, or how to start it.' ;; esac
}

wait_for_approval() {
  id=$(header "$location")
  id=${id##*/}
  case $id in '' | *[!0-9a-f-]*) fail 76 'The service gave no approval to wait for.' ;; esac
  say "An administrator has to approve this runner ($name): approval $id."
  left=$wait interval=5
  while :; do
    ask GET "/api/v1/approvals/$id"
    [ "$status" = 200 ] || refuse
    case $(member status) in
      approved) break ;;
      pending) ;;
      denied) fail 77 "The approval $id was denied: $(member reason)" ;;
      *) fail 77 "The approval $id is $(member status)." ;;
    esac
    [ "$left" -gt 0 ] ||
      fail 75 "Nobody has decided on it yet. Once it is approved: --name $name --approval $id"
    if [ "$interval" -gt "$left" ]; then interval=$left; fi
    pause "$interval"
    left=$((left - interval)) interval=$((interval * 2))
    if [ "$interval" -gt 60 ]; then interval=60; fi
  done
  approval=$id
}

# What runs here is gone by now; where GitHub still sees a job of it, the service removes it as soon as it can.
remove_runner() {
  trap - EXIT
  retry=60 patience=20
  ask DELETE "/api/v1/runners/$runner?force=true"
  case $status in
    202 | 204 | 404) ;;
    *)
      say "Runner $runner could not be removed at the service:"
      refuse
      ;;
  esac
}

tell_how_to_remove() {
  # shellcheck disable=SC2016 # for whoever reads it
  printf '%s\n' "To remove it, with a fresh token in \$TOKEN:" \
    '  printf "Authorization: Bearer %s" "$TOKEN" |' \
    "    curl -fsS -X DELETE -H @- ${ca_file:+--cacert '$ca_file' }'$url/api/v1/runners/$runner?force=true'" |
    printable >&2
}

dry_run() {
  ask POST "$route?dry_run=true" --header 'Content-Type: application/json' --data "$(wanted)"
  [ "$status" = 200 ] || refuse
  printf '%s\n' "$body" | printable
  # The service sorts members.
  case $body in '{"allowed":true,'*) ;; *) return 77 ;; esac
}

# MARK: - The runner

# In the place of a child of this shell: runs a command in the runner's directory, without the OIDC token, which is no
# business of a job's, and with SIGINT as it is by default. A shell makes its background ignore that, and run.sh could
# not stop what it started.
launch() {
  unset RUNNER_OIDC_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL ACTIONS_ID_TOKEN_REQUEST_TOKEN "$token_variable"
  trap - HUP INT TERM
  cd -- "$directory"
  # Without this, run.sh dies of SIGTERM and leaves the runner behind.
  export RUNNER_MANUALLY_TRAP_SIG=1
  if env --default-signal=INT true 2>/dev/null; then exec env --default-signal=INT "$@"; fi
  exec "$@"
}

# Instead of launch, for what a signal ends. One that comes before a child has put off this shell's traps is lost to the
# child, but on_signal takes this away before it sends any.
launch_wanted() {
  trap - HUP INT TERM
  [ -e "$lock/wanted" ] || exit 143
  launch "$@"
}

# Two runners in one directory would overwrite each other's registration.
lock_directory() {
  is_noting=true
  if mkdir -- "$lock" 2>/dev/null; then
    is_locked=true
    : >"$lock/wanted"
  elif [ -d "$lock" ]; then
    fail 66 "Another provision-runner.sh works in $directory. If none does, one was killed: remove the directory $lock."
  else
    fail 66 "Whoever runs this must be able to write to $directory."
  fi
  noted
}

# Before anything is asked for: could the runner be started here, and stopped again?
check_runner() {
  if [ ! -x "$directory/run.sh" ] || [ ! -x "$directory/config.sh" ]; then
    fail 66 "There are no config.sh and run.sh in $directory; unpack actions/runner, and name its directory with --directory."
  fi
  lock_directory
  [ "$kind" = jit ] || expect_no_registration
  if [ "$(id -u)" = 0 ] && [ -z "${RUNNER_ALLOW_RUNASROOT-}" ]; then
    fail 66 'actions/runner does not run as root; run this as an ordinary user, or set RUNNER_ALLOW_RUNASROOT=1.'
  fi
  # shellcheck disable=SC2016 # it is its own $$
  (launch sh -c 'kill -s INT $$') &
  if wait $!; then
    fail 66 'A runner that is started by this shell could not be stopped: run this with bash, or install coreutils 8.32.'
  fi
}

expect_no_registration() {
  [ ! -e "$directory/.runner" ] ||
    fail 66 "A runner is configured in $directory already; './config.sh remove --local' forgets it."
}

# The service's script passes the secret by the environment. It is code of the service's: whoever says for which
# organization this machine runs jobs can run anything on it anyway.
run_runner() {
  if [ "$kind" = registration_token ]; then
    register
    # A signal ended it, or came too late for that: neither may start a runner.
    [ -z "$signalled" ] || return "$signalled"
    [ "$code" = 0 ] || return "$code"
  fi
  is_noting=true
  if [ "$kind" = jit ]; then
    printf '%s\n' "$body" | (launch_wanted sh) &
  else
    (launch_wanted ./run.sh) </dev/null &
  fi
  finish_process
  return "$code"
}

register() {
  # Whoever configured it meanwhile keeps it.
  expect_no_registration
  was_registered=true is_configuring=true is_noting=true
  printf '%s\n' "$body" | (launch_wanted sh) &
  finish_process
  is_configuring=false
}

# Waits for what was started last, which signals reach from here on, and leaves its status in `code`.
finish_process() {
  process=$!
  body=''
  noted
  code=0
  wait_for "$process" || code=$?
  process=''
}

# MARK: - Options

# usage_error MESSAGE
usage_error() {
  say "$@"
  say 'See --help.'
  exit 64
}

# name_or_fail WHAT LENGTH TEXT: what the service takes, so that it needs no quoting anywhere.
name_or_fail() {
  case $3 in
    '' | -* | *[!A-Za-z0-9._-]*) usage_error "$1 is of A-Z a-z 0-9 . _ - and does not begin with -." ;;
  esac
  [ ${#3} -le "$2" ] || usage_error "$1 has at most $2 characters."
}

# number_or_fail OPTION TEXT
number_or_fail() {
  case $2 in '' | *[!0-9]* | ??????????*) usage_error "$1 takes a number." ;; esac
}

choose_source() {
  if [ -n "$source" ]; then return; fi
  eval "token=\${$token_variable-}"
  if [ -n "$token" ]; then
    source='variable'
  elif [ -n "${ACTIONS_ID_TOKEN_REQUEST_URL-}" ]; then
    source='github'
  elif [ -e "$token_file" ]; then
    source='file'
  else
    fail 66 'There is no OIDC token: set RUNNER_OIDC_TOKEN, or give --token-file, --token-command or --github-actions.'
  fi
}

read_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help)
        usage
        exit 0
        ;;
      --registration-token) kind=registration_token route=/api/v1/runners/provision ;;
      --persistent) ephemeral=false ;;
      --dry-run) is_dry_run=true ;;
      --github-actions) source='github' ;;
      --url | --name | --prefix | --label | --group | --directory | --ca-file | --wait | --retry | --approval | \
        --token-file | --token-command | --token-variable | --audience)
        [ $# -gt 1 ] || usage_error "$1 needs a value."
        read_option "$1" "$2"
        shift
        ;;
      *) usage_error "There is no option $1." ;;
    esac
    shift
  done
}

# read_option OPTION VALUE
read_option() {
  case $1 in
    --url) url=${2%/} ;;
    --name)
      name_or_fail --name 64 "$2"
      name=$2
      ;;
    --prefix)
      name_or_fail --prefix 55 "$2"
      prefix=$2
      ;;
    --label)
      name_or_fail --label 256 "$2"
      labels=$labels${labels:+,}\"$2\"
      ;;
    --group)
      number_or_fail --group "$2"
      group=$2
      ;;
    --directory) directory=$2 ;;
    --ca-file) ca_file=$2 ;;
    --wait)
      number_or_fail --wait "$2"
      wait=$2
      ;;
    --retry)
      number_or_fail --retry "$2"
      retry=$2
      ;;
    --approval)
      name_or_fail --approval 64 "$2"
      approval=$2
      ;;
    --token-file) source='file' token_file=$2 ;;
    --token-command) source='command' token_command=$2 ;;
    --token-variable)
      case $2 in '' | [0-9]* | *[!A-Za-z0-9_]*) usage_error "$1 takes the name of a variable." ;; esac
      source='variable' token_variable=$2
      ;;
    --audience)
      case $2 in '' | *[!A-Za-z0-9._~:/-]*) usage_error "$1 is of A-Z a-z 0-9 . _ ~ : / -." ;; esac
      audience=$2
      ;;
  esac
}

check_options() {
  case $url in
    *@*) usage_error '--url has no user in it.' ;;
    https://?*) ;;
    http://127.0.0.1 | http://127.0.0.1[:/]* | http://localhost | http://localhost[:/]* | http://\[::1\] | http://\[::1\][:/]*) ;;
    '') usage_error 'Where is the service? Give --url.' ;;
    *) usage_error '--url has to begin with https://: a token would cross the network in the clear.' ;;
  esac
  case $name,$prefix in
    ,) usage_error 'Give --name or --prefix.' ;;
    ?*,?*) usage_error 'Give --name or --prefix, not both.' ;;
  esac
  if [ "$ephemeral" = false ] && [ "$kind" = jit ]; then
    usage_error '--persistent needs --registration-token: a JIT runner ends after its job.'
  fi
  [ -z "$approval" ] || [ -n "$name" ] || usage_error '--approval needs the --name that was approved.'
  command -v curl >/dev/null || fail 66 'There is no curl.'
  [ -z "$ca_file" ] || [ -r "$ca_file" ] || fail 66 "The --ca-file $ca_file cannot be read."
  # Another program's arguments would show the secrets that are printed to curl.
  case $(command -v printf) in /*) fail 66 'This shell has no printf of its own; use dash, bash or busybox sh.' ;; esac
}

choose_name() {
  if [ -n "$name" ]; then return; fi
  made_up_name=$prefix-$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')
  name=$made_up_name
}

main() {
  # A variable of the environment stays exported when it is assigned to, and these will hold secrets.
  unset token answer body head
  token='' answer='' body='' head=''
  url='' name='' prefix='' made_up_name='' labels='' group='' approval='' runner=''
  kind=jit route=/api/v1/runners/jit ephemeral='' directory=. ca_file='' wait=3600 retry=300
  is_dry_run=false was_registered=false is_configuring=false is_locked=false
  patience=60
  source='' token_variable=RUNNER_OIDC_TOKEN token_command='' audience=runner-token-service
  token_file=/var/run/secrets/runner-token-service/token
  blank_line=$(printf '\r\n\r\n.')
  blank_line=${blank_line%.}
  read_options "$@"
  check_options
  choose_source
  choose_name
  lock=$directory/.provision-runner
  trap on_exit EXIT
  trap 'on_signal 129' HUP
  trap 'on_signal 130' INT
  trap 'on_signal 143' TERM
  if [ "$is_dry_run" = true ]; then
    dry_run
    return
  fi
  check_runner
  provision
  say "Runner $name, $runner at the service."
  run_runner
}

main "$@"
