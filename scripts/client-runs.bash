# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # check-client and stack.bash use, and set, what is not used or set here
# How scripts/check-client runs contrib/provision-runner.sh, and looks at what came of it. To be sourced, after stack.bash.

shell=(dash)
failures=()

# MARK: - Checking

# check WHAT COMMAND...: WHAT is so if the command succeeds.
check() {
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then return; fi
  printf '  %sFAILED%s  %s: %s\n' "$red" "$plain" "$title" "$what"
  sed 's/^/    /' "$directory/errors"
  failures+=("$what")
}

title=''
begin() {
  title="$1 (${shell[*]})"
  printf '  %s\n' "$title"
}

# A member of what the simulator says of itself.
at_github() {
  curl -q -sS -m 10 "$github/control/state" | jq -r "$1"
}

# The caller's live runners at the service.
live_runners() {
  service_api GET '/api/v1/runners?status=pending' "$alice" | jq .total
  service_api GET '/api/v1/runners?status=active' "$alice" | jq .total
  service_api GET '/api/v1/runners?status=offline' "$alice" | jq .total
}

# service_api METHOD PATH TOKEN CURL-OPTION...
service_api() {
  curl -q -sS -m 30 --cacert "$directory/tls.crt" -X "$1" -H "Authorization: Bearer $3" "${@:4}" "$base$2"
}

is_gone() { [[ $(at_github '.runners | length') == 0 && $(live_runners) == $'0\n0\n0' ]]; }
says() { grep -qF -- "$1" "$directory/errors"; }
is_status() { [[ $status == "$1" ]]; }
not() { ! "$@"; }
has_variable() { grep -qzE "^$2=" "$record/$1.environment"; }

# Nothing that was secret is in an argument of any command, in a file or in what was printed.
keeps_secrets() {
  local secrets=$directory/secrets
  {
    cat "$directory/token"
    for name in run config; do
      if [[ -e $record/$name.environment ]]; then
        tr '\0' '\n' <"$record/$name.environment" | sed -n 's/^ACTIONS_RUNNER_INPUT_[A-Z]*=//p'
      fi
    done
  } | grep . | sort -u >"$secrets"
  local found=0
  grep -rqF -f "$secrets" "$record/commands" "$record"/*arguments "$machine" "$directory/output" "$directory/errors" || found=$?
  # 2 would mean that it could not look; what does not exist was not run.
  ((found != 0))
}

# No job gets the token that provisioned its runner.
hides_token() {
  not grep -rqF -f "$directory/token" "$record/run.environment"
}

# MARK: - Running

# A directory of programs that note how they are called and then do what they always do.
make_shims() {
  local name real
  mkdir "$directory/shims"
  for name in curl cat env mkdir od rm rmdir sed sh sleep tr; do
    real=$(command -v "$name")
    # shellcheck disable=SC2016 # for the shim
    printf '#!/bin/bash\nprintf "%%s\\n" "%s $*" >>"$RECORD/commands"\nexec %s "$@"\n' "$name" "$real" >"$directory/shims/$name"
  done
  chmod +x "$directory"/shims/*
}

# Forgets what the last run left.
reset() {
  rm -rf "$record" "$machine"
  mkdir -p "$record" "$machine/runner" "$machine/home"
  cp "$repository"/Tests/Client/runner/*.sh "$machine/runner"
  : >"$record/commands"
}

# client PLOT OPTION...: runs the script; leaves its exit status in `status`.
client() {
  reset
  status=0
  (run_client "$@") >"$directory/output" 2>"$directory/errors" </dev/null || status=$?
}

# start_client PLOT OPTION...: runs it in the background, as `pid`.
start_client() {
  reset
  : >"$directory/errors"
  run_client "$@" >"$directory/output" 2>"$directory/errors" </dev/null &
  pid=$!
}

# The variables have names that the script uses too: what is exported must not become secret, nor the other way round.
run_client() {
  local plot=$1
  shift
  exec env -i PATH="$directory/shims:$PATH" HOME="$machine/home" TMPDIR="$machine/home" RECORD="$record" PLOT="$plot" \
    CONTROL="$github/control" RUNNER_ALLOW_RUNASROOT=1 token=exported answer=exported body=exported \
    "${variables[@]}" timeout 120 "${shell[@]}" "$client" "$@"
}

variables=()
# The options of most runs; `main` sets them.
usual=()

# Leaves in `status` how the script ended.
finish_status() {
  status=0
  wait "$pid" || status=$?
}

# eventually COMMAND...: within twenty seconds.
eventually() {
  local deadline=$((SECONDS + 20))
  until "$@"; do
    if ((SECONDS > deadline)); then return 1; fi
    sleep 0.1
  done
}
