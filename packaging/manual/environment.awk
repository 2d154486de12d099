# From .env.example: the manual page's section on variables. A comment stands above the variables that it is about.

function roff(text) {
  gsub(/\\/, "\\e", text)
  gsub(/-/, "\\-", text)
  if (text ~ /^[.']/) text = "\\&" text
  return text
}

function end_group() {
  if (!is_in_group) return
  print comment
  comment = ""
  is_in_group = 0
}

BEGIN { print ".SH ENVIRONMENT" }

/^# ---/ {
  end_group()
  sub(/^# -+ */, "")
  sub(/ *-+$/, "")
  print ".SS " roff($0)
  comment = ""
  next
}

/^#?[A-Z][A-Z0-9_]*=/ {
  sub(/^#/, "")
  name = $0
  sub(/=.*/, "", name)
  value = substr($0, length(name) + 2)
  print (is_in_group ? ".TQ" : ".TP")
  print "\\fB" roff(name) "\\fR" (value == "" ? "" : " (" roff(value) ")")
  is_in_group = 1
  next
}

# The comment stands below the last of the variables that share it.
{ end_group() }

/^# / { comment = comment (comment == "" ? "" : "\n") roff(substr($0, 3)) }

/^$/ { comment = "" }

END { end_group() }
