# From `runner-token-service --experimental-dump-help`: the beginning of the manual page, and its commands. man(7).

def roff: gsub("\\\\"; "\\e") | gsub("-"; "\\-") | gsub("(?m)^(?<c>[.'])"; "\\&" + .c);

# The example at the end of a command's discussion is shown as it is typed.
def discussion:
  split("\n\n") | map(
    if test("^(Example|Examples):\n")
    then (split("\n") | ".PP\n" + (.[0] | roff) + "\n.PP\n.EX\n" + (.[1:] | map(roff) | join("\n")) + "\n.EE")
    else ".PP\n" + roff end) | join("\n");

def option_name: if .kind == "long" then "--" + .name else "-" + .name end;

def argument:
  ".TP\n"
  + (if .kind == "positional" then "\\fI" + (.valueName | roff) + "\\fR"
     else ([.names[] | "\\fB" + (option_name | roff) + "\\fR"] | join(", "))
       + (if .kind == "option" then " \\fI" + (.valueName | roff) + "\\fR" else "" end)
     end)
  + "\n" + ((.abstract // "") | roff)
  + (if .discussion then "\n" + (.discussion | roff) else "" end)
  + (if .allValues then "\nOne of: " + (.allValues | join(", ") | roff) + "." else "" end)
  + (if .defaultValue then "\nDefault: " + (.defaultValue | roff) + "." else "" end);

# What every command has is said once.
def is_common: .kind != "positional" and any(.names[]; .name == "help" or .name == "version" or .name == "env-file");

def command:
  ".SS " + (.commandName | roff) + "\n" + (.abstract | roff)
  + (if .discussion then "\n" + (.discussion | discussion) else "" end)
  + ([.arguments[]? | select(.shouldDisplay and (is_common | not)) | "\n" + argument] | join(""));

.command as $program
| ([$program.subcommands[] | select(.commandName != "help")]) as $commands
| ".TH RUNNER\\-TOKEN\\-SERVICE 8 \($date) \"runner\\-token\\-service \($version)\" \"System administration\"\n"
+ ".SH NAME\nrunner\\-token\\-service \\- hands out GitHub Actions runner tokens without GitHub credentials\n"
+ ".SH SYNOPSIS\n.B runner\\-token\\-service\n.I command\n[\\fIoption\\fR ...] [\\fB\\-\\-env\\-file\\fR \\fIpath\\fR]\n"
+ ".SH DESCRIPTION\n" + ($program.abstract | roff) + "\n" + (($program.discussion // "") | discussion) + "\n"
+ ".SH OPTIONS\nEvery command has these.\n"
+ ([$commands[0].arguments[] | select(is_common) | argument] | join("\n")) + "\n"
+ ".SH COMMANDS\n"
+ ([$commands[] | command] | join("\n"))
