# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # check-client and client-runs.bash use, and set, what is not used or set here
# What scripts/check-client runs in one shell, before the service. To be sourced, after client-runs.bash.

tell_of_sources() {
  local variables=()
  begin 'the token is in a file that is named from here'
  client alone "${usual[@]}" --prefix ci --token-file "$(realpath --relative-to=. "$directory/token")"
  check "the runner's own status" is_status 7
  check 'nothing is left' is_gone

  variables=("RUNNER_OIDC_TOKEN=$alice")
  begin 'the token is in the usual variable'
  client alone "${usual[@]}" --prefix ci
  check "the runner's own status" is_status 7
  check 'no OIDC token for the job' hides_token
  check 'no secret where others can see it' keeps_secrets

  variables=("SERVICE_ID_TOKEN=$alice")
  begin 'the token is in a variable of another name, as in GitLab'
  client alone "${usual[@]}" --prefix ci --token-variable SERVICE_ID_TOKEN
  check "the runner's own status" is_status 7
  check 'no OIDC token for the job' hides_token

  variables=("ACTIONS_ID_TOKEN_REQUEST_URL=$stand_in/actions?v=2" ACTIONS_ID_TOKEN_REQUEST_TOKEN=of-the-job)
  begin 'the token is from GitHub Actions'
  client alone "${usual[@]}" --prefix ci
  check "the runner's own status" is_status 7
  check "the job's own token is not in an argument" not grep -q of-the-job "$record/commands"
  check 'nor is it for the runner' not has_variable run ACTIONS_ID_TOKEN_REQUEST_TOKEN
  check 'no secret where others can see it' keeps_secrets

  variables=(ACTIONS_ID_TOKEN_REQUEST_TOKEN=of-the-job)
  begin 'GitHub Actions gives this job no token'
  client alone "${usual[@]}" --prefix ci --github-actions
  check 'status 66' is_status 66
  check 'it says what is missing' says 'id-token: write'

  variables=('RUNNER_OIDC_TOKEN=x"
url = "https://elsewhere.example')
  begin 'what is no token goes nowhere'
  client alone "${usual[@]}" --prefix ci
  check 'status 66' is_status 66
  check 'nobody was asked' not grep -q ^curl "$record/commands"

  variables=()
  begin 'there is no token'
  client alone "${usual[@]}" --prefix ci
  check 'status 66' is_status 66
  check 'nobody was asked' not grep -q ^curl "$record/commands"
}

tell_of_refusals() {
  begin 'a label that the policy does not allow'
  client alone "${usual[@]}" --prefix ci --label forbidden --token-file "$directory/bob"
  check 'status 77' is_status 77
  check 'what to do' says 'ask an administrator'
  check 'the code' says '403 LABEL_POLICY_VIOLATION'
  check 'the label' says '"forbidden"'
  check 'nothing was started' not test -e "$record/run.environment"
  check 'nothing is left' is_gone

  begin 'the quota is used up, and waiting does not help'
  client alone "${usual[@]}" --prefix ci --token-file "$directory/carol"
  check 'status 77' is_status 77
  check 'the code' says '429 QUOTA_EXCEEDED'

  begin 'a runner of the same name stays what it was'
  service_api POST /api/v1/runners/jit "$alice" -H 'Content-Type: application/json' \
    -d '{"runner_name":"kept","labels":["gpu"]}' >/dev/null
  client alone "${usual[@]}" --name kept --token-file "$directory/token"
  check 'status 77' is_status 77
  check 'the code' says '409 RUNNER_NAME_CONFLICT'
  check 'it is still there' [ "$(at_github '.runners[0].name')" = kept ]
  service_api DELETE /api/v1/runners/kept "$alice" >/dev/null

  begin 'a group that there is not'
  client alone "${usual[@]}" --prefix ci --group 0 --token-file "$directory/token"
  check 'status 77' is_status 77
  check 'the field' says '  runner_group_id must be a positive whole number'

  begin 'an expired token'
  curl -q -fsS -m 10 -H 'Content-Type: application/json' -d '{"lifetime":-3600}' "$github/oidc/token" |
    jq -r .access_token >"$directory/expired"
  client alone "${usual[@]}" --prefix ci --token-file "$directory/expired"
  check 'status 77' is_status 77
  check 'the code' says '401 INVALID_TOKEN'

  begin 'a certificate that is not trusted'
  client alone --url "$base" --directory "$machine/runner" --prefix ci --token-file "$directory/token"
  check 'status 69' is_status 69
  check 'nothing is left' is_gone

  begin 'a machine that cannot be a runner asks for none'
  client alone "${usual[@]}" --prefix ci --token-file "$directory/token" --directory "$machine/home"
  check 'status 66' is_status 66
  check 'nobody was asked' not grep -q ^curl "$record/commands"
}

tell_of_registrations() {
  begin 'a runner that stays'
  client refused "${usual[@]}" --name ci-6 --registration-token --persistent --token-file "$directory/token"
  check "config.sh's status" is_status 5
  check 'it is not ephemeral' not grep -qx -- --ephemeral "$record/config.arguments"
  check 'nothing is left' is_gone

  begin 'a runner that is configured already stays as it is'
  mkdir "$directory/configured"
  cp "$repository"/Tests/Client/runner/*.sh "$directory/configured"
  touch "$directory/configured/.runner"
  client alone "${usual[@]}" --name ci-7 --registration-token --directory "$directory/configured" --token-file "$directory/token"
  check 'status 66' is_status 66
  check 'it is still there' test -e "$directory/configured/.runner"
  check 'nobody was asked' not grep -q ^curl "$record/commands"
}

tell_of_shared_directories() {
  begin 'a second one in the same directory leaves the first one alone'
  start_client idle "${usual[@]}" --name ci-11 --registration-token --token-file "$directory/token"
  check 'it runs' eventually test -e "$record/listener"
  for kind in '' --registration-token; do
    status=0
    (run_client alone "${usual[@]}" --name ci-12 ${kind:+"$kind"} --token-file "$directory/token") \
      >"$directory/output" 2>"$directory/errors" </dev/null || status=$?
    check 'status 66' is_status 66
    check 'it says why' says 'Another provision-runner.sh works in'
    check 'the registration of the first is there' test -e "$machine/runner/.runner"
  done
  signal_client TERM
  finish_status
  check "the first one's own status" is_status 3
  check 'its registration is gone' not test -e "$machine/runner/.runner"
  check 'the directory is free' not test -e "$machine/runner/.provision-runner"
  check 'nothing is left' is_gone

  begin 'a runner that was configured by somebody else meanwhile stays'
  client alone "${usual[@]}" --name ci-13 --registration-token \
    --token-command "touch $machine/runner/.runner; cat $directory/token"
  check 'status 66' is_status 66
  check 'it is still there' test -e "$machine/runner/.runner"
  check 'nothing was configured' not test -e "$record/config.environment"
  check 'nothing is left' is_gone
}

tell_of_dry_runs() {
  begin 'a dry run of what is allowed'
  client alone "${usual[@]}" --prefix ci --dry-run --token-file "$directory/token"
  check 'status 0' is_status 0
  check 'the explanation' jq -e '.allowed and .identity == "alice@example.com"' "$directory/output"
  check 'nothing was made' is_gone

  begin 'a dry run of what is not'
  client alone "${usual[@]}" --prefix ci --dry-run --label forbidden --token-file "$directory/bob"
  check 'status 77' is_status 77
  check 'the explanation' jq -e '.allowed == false' "$directory/output"
}

approvals() {
  service_api GET '/api/v1/admin/approvals?status=pending' "$root" | jq -r '.approvals[0].approval_id // empty'
}

is_waiting() { [[ -n $(approvals) ]]; }

# decide approve|deny
decide() {
  service_api POST "/api/v1/admin/approvals/$(approvals)/$1" "$root" -H 'Content-Type: application/json' \
    -d '{"reason":"as I please"}' >/dev/null
}

tell_of_approvals() {
  begin 'an admin approves'
  start_client alone "${usual[@]}" --prefix ci --token-file "$directory/dave"
  check 'it waits' eventually is_waiting
  decide approve
  finish_status
  check "the runner's own status" is_status 7
  check 'nothing is left' is_gone

  begin 'an admin denies'
  start_client alone "${usual[@]}" --prefix ci --token-file "$directory/dave"
  check 'it waits' eventually is_waiting
  decide deny
  finish_status
  check 'status 77' is_status 77
  check 'the reason' says 'was denied: as I please'

  begin 'nobody decides in time, and later the approval is used'
  client alone "${usual[@]}" --name ci-5 --wait 0 --token-file "$directory/dave"
  check 'status 75' is_status 75
  local approval
  approval=$(approvals)
  check 'how to go on' says "--name ci-5 --approval $approval"
  decide approve
  client alone "${usual[@]}" --name ci-5 --approval "$approval" --token-file "$directory/dave"
  check "the runner's own status" is_status 7

  begin 'SIGTERM while it waits'
  start_client alone "${usual[@]}" --prefix ci --token-file "$directory/dave"
  check 'it waits' eventually says 'has to approve'
  signal_client TERM
  finish_status
  check 'status 143' is_status 143
  check 'nothing was started' not test -e "$record/run.environment"
}

tell_of_options() {
  local options
  # shellcheck disable=SC2089,SC2090 # the quote shall be there
  for options in '' '--prefix ci' '--url https://x.example' '--url http://x.example --prefix ci' \
    '--url http://127.0.0.1:80@x.example --prefix ci' '--url https://u@x.example --prefix ci' \
    '--url https://x.example --prefix ci --name ci' '--url https://x.example --name c"i' \
    '--url https://x.example --name ci --label a,b' '--url https://x.example --name ci --group one' \
    '--url https://x.example --name ci --persistent' '--url https://x.example --prefix ci --approval 1' \
    '--url https://x.example --name ci --token-variable A-B' '--url https://x.example --name ci --audience a&b' \
    '--url https://x.example --name ci --frobnicate' '--url'; do
    begin "wrong: $options"
    # shellcheck disable=SC2086,SC2090 # they are separate
    client alone $options
    check 'status 64' is_status 64
    check 'nobody was asked' not grep -q ^curl "$record/commands"
  done
  begin 'help'
  client alone --help
  check 'status 0' is_status 0
  check 'it names every option' names_every_option
}

# Those that are read, each as an option of its own.
names_every_option() {
  local option
  while read -r option; do
    grep -q -- " $option" "$directory/output" || return 1
  done < <(sed -n '/^read_options() {/,/^}/p' "$client" | grep -oE -- '--[a-z]+(-[a-z]+)*' | sort -u)
}
