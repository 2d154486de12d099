# shellcheck shell=bash
# shellcheck disable=SC2154 # check-client and stack.bash set what is not set here
# What scripts/check-client runs in each shell. To be sourced, after client-runs.bash.

flow_jit() {
  begin 'a JIT runner runs its job and is gone'
  client alone "${usual[@]}" --prefix ci --token-file "$directory/token"
  check "the runner's own status" is_status 7
  check 'the config by the environment' has_variable run ACTIONS_RUNNER_INPUT_JITCONFIG
  check 'no argument' [ "$(<"$record/run.arguments")" = '' ]
  check 'no secret where others can see it' keeps_secrets
  check 'no OIDC token for the job' hides_token
  check 'nothing is left' is_gone
}

flow_registration() {
  begin 'a runner registers with a token'
  client job "${usual[@]}" --name ci-1 --label ubuntu-22.04 --registration-token --token-file "$directory/token"
  check "the runner's own status" is_status 7
  check 'the token by the environment' has_variable config ACTIONS_RUNNER_INPUT_TOKEN
  check 'what the service decided' [ "$(paste -sd' ' "$record/config.arguments")" = \
    "--unattended --url $github/demo-org --name ci-1 --labels gpu,ubuntu-22.04 --ephemeral" ]
  check 'the token is for config.sh only' not has_variable run ACTIONS_RUNNER_INPUT_TOKEN
  check 'no secret where others can see it' keeps_secrets
  check 'no registration is left on the machine' not test -e "$machine/runner/.runner"
  check 'nothing is left' is_gone
}

flow_refused_by_config() {
  begin 'a runner that config.sh could not register is removed'
  client refused "${usual[@]}" --name ci-2 --registration-token --token-file "$directory/token"
  check "config.sh's status" is_status 5
  check 'nothing is left' is_gone
}

# flow_signal SIGNAL
flow_signal() {
  begin "SIG$1 ends the runner, which is removed"
  start_client idle "${usual[@]}" --name ci-3 --token-command "echo >>$record/asked; cat $directory/token"
  check 'it runs' eventually test -e "$record/listener"
  check 'it is at GitHub' [ "$(at_github '.runners[0].name')" = ci-3 ]
  signal_client "$1"
  finish_status
  check "the runner's own status" is_status 3
  check 'it was asked to end, not killed' [ "$(<"$record/listener")" = SIGINT ]
  check 'a new token for the removal' [ "$(wc -l <"$record/asked")" = 2 ]
  check 'nothing is left' is_gone
}

signal_client() { kill -s "$1" "$(pgrep -P "$pid" || echo "$pid")"; }
is_running() { kill -0 "$1"; }

flow_signal_to_config() {
  begin 'SIGTERM ends a config.sh that hangs, with its program, and no runner starts'
  start_client hung "${usual[@]}" --name ci-8 --registration-token --token-file "$directory/token"
  check 'it is configured' eventually test -s "$record/configuring"
  signal_client TERM
  finish_status
  check 'status 143' is_status 143
  check 'the program of config.sh has ended' eventually not is_running "$(<"$record/configuring")"
  check 'nothing was started' not test -e "$record/run.environment"
  check 'nothing is left' is_gone

  begin 'SIGTERM that config.sh does not heed still keeps the runner from starting'
  start_client late "${usual[@]}" --name ci-9 --registration-token --token-file "$directory/token"
  check 'it is configured' eventually test -s "$record/configuring"
  signal_client TERM
  finish_status
  check 'it was registered' test -e "$record/name"
  check 'status 143' is_status 143
  check 'nothing was started' not test -e "$record/run.environment"
  check 'no registration is left on the machine' not test -e "$machine/runner/.runner"
  check 'nothing is left' is_gone
}

# A child that has just been forked may lose a signal. Here it loses all that come in two seconds.
flow_signal_to_fork() {
  local client=$directory/deaf.sh
  # shellcheck disable=SC2016 # for the script
  sed 's/^launch_wanted() {$/&\n  trap "" HUP INT TERM\n  : >"$RECORD\/forked"\n  sleep 2/' \
    "$repository/contrib/provision-runner.sh" >"$client"
  for kind in '' --registration-token; do
    begin "SIGTERM that a new child loses keeps the runner from starting, ${kind:-JIT}"
    start_client alone "${usual[@]}" --name ci-10 ${kind:+"$kind"} --token-file "$directory/token"
    check 'it is forked' eventually test -e "$record/forked"
    signal_client TERM
    finish_status
    check 'status 143' is_status 143
    check 'nothing was configured' not test -e "$record/config.environment"
    check 'nothing was started' not test -e "$record/run.environment"
    check 'nothing is left' is_gone
  done
}

flow_signals_to_request() {
  begin 'signals while the service is asked say once what is waited for'
  : >"$directory/stand-in.requests"
  start_client alone --url "$stand_in/slow" --directory "$machine/runner" --token-file "$directory/token" --name ci
  check 'it asks' eventually grep -q POST "$directory/stand-in.requests"
  # As from a terminal: to all of them.
  kill -s TERM -- "-$pid"
  kill -s TERM -- "-$pid"
  finish_status
  check 'it says so' [ "$(grep -c "Waiting up to 60 s for the service's answer" "$directory/errors")" = 1 ]
  check 'nothing was started' not test -e "$record/run.environment"
  check 'the runner is removed' [ "$(asked 'DELETE /slow/api/v1/runners/0b6e2c1e\?force=true$')" = 1 ]
}

flow_trace() {
  begin 'a trace shows no secret'
  local shell=("${shell[@]}" -x)
  client alone "${usual[@]}" --name ci-4 --token-file "$directory/token"
  check "the runner's own status" is_status 7
  check 'no secret where others can see it' keeps_secrets
}
