# shellcheck shell=bash
# shellcheck disable=SC2154 # check-client sets what is not set here
# What scripts/check-client runs before a service that misbehaves: Tests/Client/stand_in.py. To be sourced, after
# client-runs.bash.

# misbehaving HOW OPTION...
misbehaving() {
  : >"$directory/stand-in.requests"
  client alone --url "$stand_in/$1" --directory "$machine/runner" --token-file "$directory/token" "${@:2}"
}

# The requests that a service which misbehaves got.
asked() { grep -cE "^$1" "$directory/stand-in.requests" || true; }

tell_of_busy_services() {
  begin 'the service asks to come back later'
  misbehaving later --prefix ci
  check "the runner's own status" is_status 7
  check 'it came back twice' [ "$(asked POST)" = 3 ]
  check 'it removed what it got' [ "$(asked 'DELETE /later/api/v1/runners/0b6e2c1e\?force=true$')" = 1 ]

  begin 'the service never has time'
  misbehaving never --prefix ci --retry 2
  check 'status 69' is_status 69
  check 'it came back twice, and no more' [ "$(asked POST)" = 3 ]
  check 'the code' says '503 DATABASE_UNAVAILABLE'

  begin 'the service says why not yet'
  misbehaving conflict --name ci --retry 1
  check 'status 69' is_status 69
  check 'the code and the text' says 'Not yet (409 RUNNER_BUSY): It has a job. Again in 1 s.'
}

tell_of_lost_answers() {
  begin 'an answer is lost: the runner may be there, and is removed by the name that was made up for it'
  misbehaving lost --prefix ci
  check 'status 69' is_status 69
  check 'removed by its name' [ "$(asked 'DELETE /lost/api/v1/runners/ci-[0-9a-f]{8}\?force=true$')" = 1 ]

  begin 'an answer is lost: what has a name of its own may be an older runner, and stays'
  misbehaving lost --name ci
  check 'status 69' is_status 69
  check 'nothing is removed' [ "$(asked DELETE)" = 0 ]
  check 'it says where to look' says 'GET /api/v1/runners/ci'

  begin 'SIGTERM while the service is asked'
  : >"$directory/stand-in.requests"
  start_client alone --url "$stand_in/slow" --directory "$machine/runner" --token-file "$directory/token" --name ci
  check 'it asks' eventually grep -q POST "$directory/stand-in.requests"
  signal_client TERM
  finish_status
  check 'status 143' is_status 143
  check 'nothing was started' not test -e "$record/run.environment"
  check 'the runner is removed' [ "$(asked 'DELETE /slow/api/v1/runners/0b6e2c1e\?force=true$')" = 1 ]

  begin 'there is no service'
  client alone --url "http://127.0.0.1:$(free_port)" --directory "$machine/runner" --token-file "$directory/token" \
    --prefix ci --retry 0
  check 'status 69' is_status 69
}

tell_of_odd_answers() {
  begin 'an answer with bytes that are not text'
  misbehaving hostile --prefix ci
  check 'status 77' is_status 77
  check 'the code' says '403 LABEL_POLICY_VIOLATION'
  check 'the text' says 'back\slash "quoted" ","error_code":"FORGED","detail":"forged'
  check 'nothing that a terminal acts on' not env LC_ALL=C grep -q '[^ -~]' "$directory/errors"

  begin 'an answer of something else'
  misbehaving proxy_page --name ci
  check 'status 69' is_status 69
  check 'it says so' says 'answered 502 without an explanation'

  begin 'an answer that is not the script'
  misbehaving web_page --name ci
  check 'status 76' is_status 76
  check 'nothing of it is run' not test -e "$machine/runner/run-by-mistake"
  check 'the runner is removed' [ "$(asked DELETE)" = 1 ]

  begin 'an answer that does not name the runner'
  misbehaving odd_name --prefix ci
  check 'status 76' is_status 76
  check 'nothing is started' not test -e "$record/run.environment"
  check 'removed by the name that was made up' [ "$(asked 'DELETE /odd_name/api/v1/runners/ci-[0-9a-f]{8}\?force=true$')" = 1 ]

  begin 'an answer that comes after an interim one'
  misbehaving early --name ci
  check "the runner's own status" is_status 7
  check 'it removed what it got' [ "$(asked 'DELETE /early/api/v1/runners/0b6e2c1e\?force=true$')" = 1 ]

  begin 'an answer with a status that is not understood'
  misbehaving odd_status --prefix ci
  check 'status 76' is_status 76
  check 'removed by the name that was made up' [ "$(asked 'DELETE /odd_status/api/v1/runners/ci-[0-9a-f]{8}\?force=true$')" = 1 ]
}

tell_of_missing_credentials() {
  begin 'the token has expired when the runner is to be removed'
  misbehaving keeper --name ci
  check "the runner's own status" is_status 7
  check 'the code' says '401 INVALID_TOKEN'
  check 'how to remove it' says "curl -fsS -X DELETE -H @- '$stand_in/keeper/api/v1/runners/0b6e2c1e?force=true'"

  begin 'a certificate file that is not there'
  misbehaving early --name ci --ca-file "$directory/none.pem"
  check 'status 66' is_status 66
  check 'it is named' says "$directory/none.pem cannot be read"
  check 'nobody was asked' not grep -q ^curl "$record/commands"
}
