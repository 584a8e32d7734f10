# Sourced by test_api.sh: calls over curl, what their answers say, and a numbered report. Needs BASE; API_KEY is optional.

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
number=0
failed=0
STATUS= BODY=

# call METHOD PATH [BODY|@FILE] [curl arguments…]: sets STATUS and BODY; the headers are in $scratch/headers.
call() {
  local method=$1 path=$2 body=${3-} arguments
  shift $(($# < 3 ? $# : 3))
  arguments=(--silent --show-error --max-time 90 --dump-header "$scratch/headers" --output "$scratch/body" --write-out '%{http_code}')
  if [ "$method" = HEAD ]; then arguments+=(--head); else arguments+=(--request "$method"); fi
  if [ -n "${API_KEY-}" ]; then arguments+=(--header "Authorization: Bearer $API_KEY"); fi
  if [ -n "$body" ]; then arguments+=(--header 'Content-Type: application/json' --header 'Expect:' --data-binary "$body"); fi
  : >"$scratch/headers"
  : >"$scratch/body"
  STATUS=$(curl "${arguments[@]}" "$@" "$BASE$path" 2>"$scratch/curl-errors")
  # For HEAD, curl writes the headers where a body would stand; what comes behind them is the body.
  if [ "$method" = HEAD ]; then BODY=$(tail -c "+$(($(wc -c <"$scratch/headers") + 1))" "$scratch/body"); else BODY=$(tr -d '\000' <"$scratch/body"); fi
}

# check NAME CONDITION…: one line of the report; the condition is a command.
check() {
  local name=$1
  shift
  number=$((number + 1))
  if "$@"; then
    printf '%4d  ok    %s\n' "$number" "$name"
  else
    failed=$((failed + 1))
    printf '%4d  FAIL  %s\n            wanted: %s\n            last answer: %s %s %s\n' "$number" "$name" "$*" "$STATUS" \
      "$(printf '%s' "$BODY" | head -c 600)" "$(head -c 300 "$scratch/curl-errors" 2>/dev/null)"
  fi
}

section() { printf '\n%s\n' "$1"; }

report() {
  printf '\n%d checks, %d passed, %d failed\n' "$number" "$((number - failed))" "$failed"
  [ "$failed" -eq 0 ]
}

# Conditions.
status_is() { [ "$STATUS" = "$1" ]; }
equals() { [ "$1" = "$2" ]; }
matches() { printf '%s' "$1" | grep -Eq -- "$2"; }
body_has() { case $BODY in *"$1"*) return 0 ;; *) return 1 ;; esac; }
body_lacks() { ! body_has "$1"; }
answers() { status_is "$1" && body_has "$2"; }
header_matches() { matches "$(header "$1")" "$2"; }
empty_body() { [ -z "$BODY" ]; }

# field NAME: the first text of that name in BODY.
field() { printf '%s' "$BODY" | grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
# header NAME: its value in the last answer.
header() { tr -d '\r' <"$scratch/headers" | grep -i "^$1:" | head -n 1 | sed 's/^[^:]*: *//'; }
# count PATTERN: how often it stands in BODY.
count() { printf '%s' "$BODY" | grep -oE -- "$1" | wc -l | tr -d ' '; }

# submit BODY|@FILE: sets EXECUTION and WORKFLOW.
submit() {
  call POST /api/v1/workflow "$@"
  EXECUTION=$(field execution_id)
  WORKFLOW=$(field workflow_id)
}
trigger() { call POST "/api/v1/workflow/trigger/$EXECUTION" "${1-}"; }
# await_end: reads the status of EXECUTION once it has ended.
await_end() { call GET "/api/v1/workflow/$EXECUTION?wait=60"; }
results() { call GET "/api/v1/workflow/$EXECUTION/results"; }
node_is() { matches "$BODY" "\"node_statuses\":\\{[^}]*\"$1\":\"$2\""; }

# eventually SECONDS CONDITION…: the condition, asked four times a second.
eventually() {
  local tries=$(($1 * 4))
  shift
  while ! "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.25
  done
}
