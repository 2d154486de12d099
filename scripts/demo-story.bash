# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # stack.bash and demo-requests.bash use, and set, what is not used or set here
# The life of a runner, as scripts/demo tells it. To be sourced, after demo-requests.bash.

request_body='{"runner_name_prefix":"ci","labels":["gpu","ubuntu-22.04"],"ephemeral":false}'
number=0

begin() {
  step=$1
  number=$((number + 1))
  heading "$number. $step"
}

tell_who_calls() {
  begin 'Alice gets a token from her identity provider'
  get_token T alice

  begin 'Whom the service takes her for'
  at_service 200 "$T" /api/v1/auth/me
  check_answer 'Alice, and no admin' '.identity == "alice@example.com" and .admin == false'
}

tell_of_provisioning() {
  begin 'She asks for a runner'
  at_service 201 "$T" /api/v1/runners/provision -H "$json" -d "$request_body"
  check_answer 'a name with her prefix' '.runner_name | test("^ci-[0-9a-f]{6}$")'
  check_answer 'the labels that she asked for' '.labels == ["gpu", "ubuntu-22.04"]'
  check_answer 'a registration token' '.registration_token | length > 20'
  runner=$(answered .runner_name)
  runner_id=$(answered .runner_id)
  registration_token=$(answered .registration_token)

  begin 'In a script: the bare token, no JSON to take apart'
  at_service 201 "$T" /api/v1/runners/provision -H "$json" -H 'Accept: text/plain' \
    -d '{"runner_name_prefix":"ci","labels":["gpu","ubuntu-22.04"]}'
  check 'one word on one line' grep -qxE '[A-Za-z0-9_]{20,}' "$directory/answer"
  second_token=$(<"$directory/answer")

  begin 'She forgets the content type'
  at_service 415 "$T" /api/v1/runners/provision -d "$request_body"
  check_answer 'the answer says what to send' '.detail | contains("Content-Type: application/json")'

  begin 'Somebody tries without a good token'
  at_service 401 not-a-token /api/v1/runners/provision -H "$json" -d "$request_body"
  check_answer 'error code INVALID_TOKEN' '.error_code == "INVALID_TOKEN"'
}

tell_of_running() {
  begin 'The runner registers at GitHub with its token, and starts'
  at_github 201 /runners/register -H "$json" \
    -d "{\"token\":\"$registration_token\",\"name\":\"$runner\",\"labels\":[\"gpu\",\"ubuntu-22.04\"]}"
  at_github 200 "/runners/$runner/status" -H "$json" -d '{"status":"online"}'

  begin 'A job starts, and a webhook of GitHub tells of it: the runner is active at once'
  at_github 200 "/runners/$runner/job" -H "$json" -d '{"action":"start"}'
  at_github 201 /webhooks -H "$json" \
    -d "{\"secret\":\"$webhook_secret\",\"event\":\"workflow_job\",\"action\":\"in_progress\",\"runner\":\"$runner\"}"
  deliver_webhook
  at_service 200 "$T" "/api/v1/runners/$runner"
  check_answer 'active and busy' '.status == "active" and .busy == true'

  begin 'The service looks, and GitHub says the same: while it is busy it stays'
  at_service 200 "$T" "/api/v1/runners/$runner/refresh" -X POST
  check_answer 'active and busy' '.status == "active" and .busy == true'
  at_service 409 "$T" "/api/v1/runners/$runner" -X DELETE
  check_answer 'error code RUNNER_BUSY' '.error_code == "RUNNER_BUSY"'
}

tell_of_jit() {
  begin 'A JIT runner: name, labels and group are fixed at GitHub, for one job'
  # Four kilobytes, with a private key in them.
  answer_filter='.encoded_jit_config |= .[:24] + "…" | .run_command |= .[:60] + "…"'
  at_service 201 "$T" /api/v1/runners/jit -H "$json" -d '{"runner_name":"ci-jit","labels":["gpu"]}'
  answer_filter=.
  jit_config=$(answered .encoded_jit_config)
  check_answer 'self-hosted beside the label that she asked for' '.labels == ["self-hosted", "gpu"]'

  begin 'It connects, runs its job, and is gone'
  at_github 200 /runners/connect -H "$json" -d "{\"encoded_jit_config\":\"$jit_config\"}"
  at_service 200 "$T" /api/v1/runners/ci-jit/refresh -X POST
  check_answer 'active, a JIT runner' '.status == "active" and .provisioning == "jit"'
  at_github 200 /runners/ci-jit/job -H "$json" -d '{"action":"start"}'
  at_github 200 /runners/ci-jit/job -H "$json" -d '{"action":"finish"}'
  at_service 200 "$T" /api/v1/runners/ci-jit/refresh -X POST
  check_answer 'gone at GitHub, and known to be' '.status == "deleted" and .deletion_reason == "gone_at_github"'
}

tell_of_tampering() {
  begin 'Bob takes other labels than he was granted: a registration token cannot keep him from it'
  at_service 201 "$BOB" /api/v1/runners/provision -H "$json" \
    -d '{"runner_name":"bobs-runner","labels":["gpu"],"ephemeral":false}'
  bobs_runner_id=$(answered .runner_id)
  bobs_token=$(answered .registration_token)
  at_github 201 /runners/register -H "$json" \
    -d "{\"token\":\"$bobs_token\",\"name\":\"bobs-runner\",\"labels\":[\"gpu\",\"production\"]}"

  begin 'The maintenance process finds it at its next sync, and removes it at GitHub'
  local deadline=$((SECONDS + 60))
  until [[ $(status_of "$bobs_runner_id") == deleted ]] || ((SECONDS > deadline)); do sleep 1; done
  at_service 200 "$BOB" "/api/v1/runners/$bobs_runner_id"
  check_answer 'deleted, for a violation of its grant' \
    '.status == "deleted" and .deletion_reason == "policy_violation"'
  at_github 200 /state
  check_answer 'gone at GitHub' '[.runners[].name] | index("bobs-runner") == null'
  show_line 'runner-token-service export-security-events --severity high --env-file service.env'
  (run_service export-security-events --severity high) >"$directory/answer"
  show_answer -c
  check_answer 'the security event names him and the label' \
    'select(.event_type == "label_policy_violation" and .user_identity == "bob@example.com")
     | .event_data | tostring | contains("production")'
}

# status_of RUNNER-ID: what Bob's runner is now.
status_of() {
  printf 'Authorization: Bearer %s\n' "$BOB" |
    curl -q -sS -m 10 --cacert "$directory/tls.crt" -H @- "$base/api/v1/runners/$1" | jq -r .status || true
}

tell_of_owners() {
  begin "Alice's runners"
  at_service 200 "$T" /api/v1/runners
  check_answer 'one active, one pending' '.total == 2 and ([.runners[].status] | sort) == ["active", "pending"]'

  begin 'For Bob there is no such runner'
  get_token BOB bob
  at_service 404 "$BOB" "/api/v1/runners/$runner"
  check_answer 'error code RUNNER_NOT_FOUND' '.error_code == "RUNNER_NOT_FOUND"'
}

tell_of_the_end() {
  begin 'The job ends, and Alice deletes the runner'
  at_github 200 "/runners/$runner/job" -H "$json" -d '{"action":"finish"}'
  at_service 204 "$T" "/api/v1/runners/$runner" -X DELETE
  at_service 404 "$T" "/api/v1/runners/$runner"
  at_service 200 "$T" "/api/v1/runners/$runner_id"
  check_answer 'by its id it is still known, as deleted' \
    '.status == "deleted" and .deletion_reason == "requested"'
  at_github 200 /state
  check_answer 'gone at GitHub' '.runners == []'
}

tell_of_the_audit_log() {
  local filter='{timestamp, event_type, success, error_code, user_identity, runner_name}'
  begin 'What an admin sees of it'
  show_line "tail -n 20 $directory/audit.jsonl | jq -c '$filter'"
  tail -n 20 "$directory/audit.jsonl" | jq -c "$filter" >"$directory/answer" || true
  sed 's/^/  /' "$directory/answer"
  prompt='$ '
  check 'each event of the story, by whom' jq -es \
    'map(select(.user_identity == "alice@example.com").event_type)
     | contains(["provision", "refresh", "deprovision"])' "$directory/answer"
  check 'what a webhook changed' jq -es \
    'any(.event_type == "status_change" and .user_identity == "system:github-webhook")' \
    "$directory/answer"
  check 'no token in the audit log, the logs and the database' is_without_tokens
}

is_without_tokens() {
  local status=0
  grep -qF -e "$T" -e "$BOB" -e "$registration_token" -e "$second_token" \
    -e "$webhook_secret" -e "$jit_config" -e "$bobs_token" \
    "$directory"/{audit.jsonl,{nginx.access,nginx.error,nginx,simulator,workers,maintenance}.log,runner_service.db*} || status=$?
  # 2 would mean that it could not look.
  ((status == 1))
}

tell_story() {
  tell_who_calls
  tell_of_provisioning
  tell_of_running
  tell_of_owners
  tell_of_jit
  tell_of_tampering
  tell_of_the_end
  tell_of_the_audit_log
}
