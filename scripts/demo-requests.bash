# shellcheck shell=bash
# shellcheck disable=SC2154 # common.bash and stack.bash set what is not set here
# The requests of scripts/demo: each is shown as somebody would type it, made, and its answer shown and checked. To be sourced,
# after stack.bash.

# MARK: - Showing

# A word as one would type it: tokens as the variables that hold them.
typed() {
  local name word=$1
  for name in T BOB; do
    if [[ -n ${!name-} && $word == *"${!name}"* ]]; then
      printf '"%s"' "${word//"${!name}"/\$$name}"
      return
    fi
  done
  if [[ $word =~ ^[A-Za-z0-9_./:=@%+,-]+$ ]]; then
    printf '%s' "$word"
  else
    printf "'%s'" "${word//\'/\'\\\'\'}"
  fi
}

# Shows a command, with its options broken over lines.
show_command() {
  local word unit line='' parts=()
  # An option stays with its value.
  for word in "$@"; do
    unit=$(typed "$word")
    if [[ ${parts[*]: -1} =~ ^(-H|-d|-X|--cacert)$ ]]; then
      parts[-1]+=" $unit"
    else
      parts+=("$unit")
    fi
  done
  for unit in "${parts[@]}"; do
    if [[ -n $line ]] && ((${#line} + ${#unit} > 95)); then
      show_line "$line \\"
      line="    $unit"
    else
      line+="${line:+ }$unit"
    fi
  done
  show_line "$line"
}

prompt='$ '
show_line() {
  printf '%s%s%s\n' "$dim$prompt$plain" "$bold$1" "$plain"
  prompt='  '
}

# What is shown of an answer.
answer_filter=.

# show_answer JQ-OPTION...
show_answer() {
  local colour=-M
  if [[ -n $plain ]]; then colour=-C; fi
  prompt='$ '
  { jq "$colour" "$@" "$answer_filter" "$directory/answer" 2>/dev/null || cat "$directory/answer"; } | sed 's/^/  /'
}

# MARK: - Checking

failures=()
# Of the story, for what is said of a failure.
step=''

# check WHAT COMMAND...: WHAT is so if the command succeeds.
check() {
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then
    printf '  %sok%s  %s\n' "$green" "$plain" "$what"
  else
    printf '  %sFAILED%s  %s\n' "$red" "$plain" "$what"
    failures+=("$step: $what")
  fi
}

# check_answer WHAT FILTER: WHAT is so if the filter says true of the last answer.
check_answer() {
  check "$1" jq -e "$2" "$directory/answer"
}

# A member of the last answer.
answered() {
  jq -r "$1" "$directory/answer" 2>/dev/null || true
}

status=''
json='Content-Type: application/json'

# request CURL-ARGUMENT...: shows the command and runs it. Leaves the answer in a file and its status in `status`.
request() {
  show_command curl -sS "$@"
  send "$@" </dev/null
}

send() {
  : >"$directory/answer"
  status=$(curl -q -sS -m 40 -o "$directory/answer" -w '%{http_code}' "$@") || true
}

# at_service STATUS TOKEN PATH CURL-OPTION...
at_service() {
  local expected=$1 token=$2 path=$3
  shift 3
  # By curl's standard input, because every user of the machine can see the arguments of a command.
  show_line "printf 'Authorization: Bearer %s\\n' $(typed "$token") |"
  show_command curl -sS --cacert "$directory/tls.crt" -H @- "$@" "$base$path"
  send --cacert "$directory/tls.crt" -H @- "$@" "$base$path" < <(printf 'Authorization: Bearer %s\n' "$token")
  show_answer
  check "status $expected" [ "$status" = "$expected" ]
}

# at_github STATUS PATH CURL-OPTION...: the levers of the simulator.
at_github() {
  local expected=$1 path=$2
  shift 2
  request "$@" "$github/control$path"
  show_answer -c
  check "status $expected" [ "$status" = "$expected" ]
}

# Sends the webhook that the last answer has to the service, as GitHub would.
deliver_webhook() {
  local event delivery signature
  event=$(answered .event)
  delivery=$(answered .delivery)
  signature=$(answered .signature)
  jq -j .body "$directory/answer" >"$directory/webhook.json"
  request --cacert "$directory/tls.crt" -H "$json" -H "X-GitHub-Event: $event" \
    -H "X-GitHub-Delivery: $delivery" -H "X-Hub-Signature-256: $signature" \
    --data-binary "@$directory/webhook.json" "$base/api/v1/webhooks/github"
  show_answer -c
  check 'status 200' [ "$status" = 200 ]
}

# token_command VARIABLE NAME: prints the command that puts a token for NAME into VARIABLE.
token_command() {
  cat <<END
$1=\$(curl -fsS -H '$json' \\
    -d '{"claims":{"sub":"$2","email":"$2@example.com","email_verified":true},"lifetime":3600}' \\
    $github/oidc/token | jq -r .access_token)
END
}

# get_token VARIABLE NAME
get_token() {
  local command line
  command=$(token_command "$@")
  while IFS= read -r line; do show_line "$line"; done <<<"$command"
  prompt='$ '
  eval "$command" || true
  printf '  %s…\n' "${!1:0:60}"
  check 'a token in three parts' [ "$(tr -cd . <<<"${!1}")" = .. ]
}
