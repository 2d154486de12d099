#!/bin/bash
# Stands for config.sh of actions/runner: notes what it was given in $RECORD and registers at the simulator ($CONTROL).
if [[ $1 == remove ]]; then
  rm .runner
  exit
fi
cp "/proc/$$/environ" "$RECORD/config.environment"
printf '%s\n' "$@" >"$RECORD/config.arguments"
if [[ $PLOT == refused ]]; then exit 5; fi
if [[ $PLOT == hung ]]; then
  # As the original, which waits for its program and does not pass signals on.
  sh -c 'echo $$ >"$RECORD/configuring"; exec sleep 60'
  exit
fi
if [[ $PLOT == late ]]; then
  trap '' TERM
  echo $$ >"$RECORD/configuring"
  sleep 1
fi
while (($#)); do
  case $1 in
    --name) name=$2 ;;
    --labels) labels=$2 ;;
  esac
  shift
done
printf '{"token":"%s","name":"%s","labels":["%s"],"ephemeral":true}' \
  "$ACTIONS_RUNNER_INPUT_TOKEN" "$name" "${labels//,/\",\"}" |
  curl -q -fsS -m 10 -H 'Content-Type: application/json' --data @- "$CONTROL/runners/register" \
    >>"$RECORD/control" 2>&1 || exit 94
echo "$name" >"$RECORD/name"
touch .runner
