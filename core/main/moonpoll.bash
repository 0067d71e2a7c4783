# Completion of moonpoll for bash. Commands, options and their values are what --help tells, so that they are those of the
# program that is asked; names of MIB modules and objects are what `moonpoll mib` knows.

# What help says, for one thing: the commands; "options" of a command; the values of one option, or @file, @dir, @none, @flag.
_moonpoll_told() { # PROGRAM commands | PROGRAM COMMAND options | PROGRAM COMMAND OPTION
  if [ "$2" = commands ]; then
    "$1" --help 2>/dev/null | awk '
      /^usage: |^       moonpoll / {
        sub(/^usage: /, ""); sub(/^ +/, "")
        n = split($0, word, " ")
        if (word[2] ~ /^[a-z]+$/) print word[2]
        for (i = 3; i < n && word[i] == "|" && word[i + 1] ~ /^[a-z]+$/; i += 2) print word[i + 1]
      }
      END { print "help"; print "--help"; print "--version" }'
    return
  fi
  "$1" "$2" --help 2>/dev/null | awk -v want="$3" '
    /^  -/ {
      line = substr($0, 3)
      at = index(line, "  ")
      head = at ? substr(line, 1, at - 1) : line
      rest = at ? substr(line, at) : ""
      sub(/^ +/, "", rest)
      n = split(head, word, /[ ,=]+/)
      for (i = 1; i <= n; i++) {
        option = word[i]
        if (option !~ /^-/) continue
        if (option ~ /^-C[a-z][A-Z]+$/) option = substr(option, 1, 3)
        if (want == "options") { print option; continue }
        if (option != want) continue
        if (i == n || word[i + 1] ~ /^-/) { print "@flag"; exit }
        argument = word[i + 1]
        if (argument ~ /\|/) { gsub(/\|/, "\n", argument); print argument }
        else if (argument ~ /FILE|LIST/) print "@file"
        else if (argument ~ /DIR/) print "@dir"
        else if (match(rest, /^[a-z]+(, [a-z]+)* or [a-z]+/)) {
          list = substr(rest, 1, RLENGTH)
          gsub(/, | or /, "\n", list)
          print list
        } else print "@none"
        exit
      }
    }'
}

# The commands of a command: moonpoll mib add FILE... has add.
_moonpoll_parts() { # PROGRAM COMMAND
  "$1" "$2" --help 2>/dev/null | awk -v command="$2" '
    /^usage: |^       moonpoll / { sub(/^usage: /, ""); sub(/^ +/, ""); if ($2 == command && $3 ~ /^[a-z]+$/) print $3 }'
}

_moonpoll_modules() { "$1" mib list 2>/dev/null | awk '{ print $1 }'; }
_moonpoll_objects() { "$1" mib show "$2" 2>/dev/null | awk '$1 == "scalar" || $1 == "column" || $1 == "table" || $1 == "row" || $1 == "node" { print $2 }'; }

_moonpoll() {
  local program=$1 cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} told
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_moonpoll_told "$program" commands)" -- "$cur")
    return
  fi
  if [ "$command" = help ]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_moonpoll_told "$program" commands | grep '^[a-gi-z]')" -- "$cur")
    return
  fi
  # --option=value and MODULE::name come as words of their own
  if [ "$cur" = = ]; then cur=; elif [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi
  local module=
  case $cur in
    : | ::) module=$prev cur= ;;
    *) case $prev in : | ::) module=${COMP_WORDS[COMP_CWORD - 2]} ;; esac ;;
  esac
  if [ -n "$module" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_moonpoll_objects "$program" "$module")" -- "$cur")
    return
  fi
  case $prev in
    -*)
      told=$(_moonpoll_told "$program" "$command" "$prev")
      case $told in
        @file) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); compopt -o filenames 2>/dev/null; return ;;
        @dir) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); compopt -o filenames 2>/dev/null; return ;;
        @none) return ;;
        @flag | '') ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$told" -- "$cur"); return ;;
      esac ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_moonpoll_told "$program" "$command" options)" -- "$cur")
    return
  fi
  local parts
  parts=$(_moonpoll_parts "$program" "$command")
  if [ -n "$parts" ] && [ "$COMP_CWORD" -eq 2 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$parts" -- "$cur")
    return
  fi
  case $command in
    run | check | sim)
      mapfile -t COMPREPLY < <(compgen -f -X '!*.lua' -- "$cur"; compgen -d -- "$cur")
      compopt -o filenames 2>/dev/null ;;
    test)
      mapfile -t COMPREPLY < <(compgen -f -X '!*.test.lua' -- "$cur"; compgen -d -- "$cur")
      compopt -o filenames 2>/dev/null ;;
    mib)
      if [ "${COMP_WORDS[2]}" = show ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_moonpoll_modules "$program")" -- "$cur")
      else
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        compopt -o filenames 2>/dev/null
      fi ;;
    get | getnext | bulkget | walk | bulkwalk | set)
      if [ -n "$cur" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_moonpoll_modules "$program")" -S :: -- "$cur")
        compopt -o nospace 2>/dev/null
      fi ;;
  esac
}

complete -F _moonpoll moonpoll
