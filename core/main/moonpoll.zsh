#compdef moonpoll
# Completion of moonpoll for zsh. Commands, options and their values are what --help tells, so that they are those of the
# program that is asked; names of MIB modules and objects are what `moonpoll mib` knows.

_moonpoll_help() { _call_program help "${(q)words[1]}" "$@" --help 2>/dev/null }

_moonpoll_commands() {
  local line
  local -a found word
  for line in ${(f)"$(_moonpoll_help)"}; do
    if [[ $line == (usage: |       )moonpoll\ * ]]; then
      word=(${=line#usage: })
      [[ $word[2] == [a-z]## ]] && found+=($word[2])
      local i=3
      while [[ $word[i] == '|' && $word[i+1] == [a-z]## ]]; do found+=($word[i+1]); (( i += 2 )); done
    fi
  done
  compadd -- $found help --help --version
}

# Sets options, and for the one that is wanted its values, or action: file, dir, none, flag.
_moonpoll_options() { # COMMAND WANTED
  local line head rest argument i
  local -a word
  options=() values=() action=
  for line in ${(f)"$(_moonpoll_help $1)"}; do
    [[ $line == '  -'* ]] || continue
    line=${line#  } head=${line%%  *} rest=${line#"$head"}
    rest=${rest##[[:space:]]#}
    word=(${(s: :)${head//[,=]/ }})
    for (( i = 1; i <= $#word; i++ )); do
      [[ $word[i] == -* ]] || continue
      [[ $word[i] == -C[a-z][A-Z]## ]] && word[i]=${word[i][1,3]}
      options+=("${word[i]//:/\\:}:$rest")
      [[ $word[i] == $2 ]] || continue
      argument=$word[i+1]
      if [[ -z $argument || $argument == -* ]]; then
        action=flag
      elif [[ $argument == *'|'* ]]; then
        values=(${(s:|:)argument})
      elif [[ $argument == *(FILE|LIST)* ]]; then
        action=file
      elif [[ $argument == *DIR* ]]; then
        action=dir
      elif [[ $rest == (#b)([a-z]##(, [a-z]##)# or [a-z]##)* ]]; then
        values=(${(s: :)${${match[1]//, / }/ or / }})
      else
        action=none
      fi
    done
  done
}

_moonpoll() {
  setopt localoptions extendedglob
  local -a options values
  local action command=$words[2] module
  if (( CURRENT == 2 )) || [[ $command == help ]]; then
    _moonpoll_commands
    return
  fi
  _moonpoll_options $command $words[CURRENT-1]
  if [[ $words[CURRENT-1] == -* ]]; then
    if (( $#values )); then
      compadd -- $values
      return
    fi
    case $action in
      file) _files; return ;;
      dir) _files -/; return ;;
      none) _message value; return ;;
    esac
  fi
  if [[ $PREFIX == -* ]]; then
    _describe -o option options
    return
  fi
  case $command in
    run | check | sim) _files -g '*.lua' ;;
    test) _files -g '*.test.lua' ;;
    mib)
      if (( CURRENT == 3 )); then
        compadd -- add list show
      elif [[ $words[3] == show ]]; then
        compadd -- ${${(f)"$(_call_program modules "${(q)words[1]}" mib list 2>/dev/null)"}%% *}
      else
        _files
      fi ;;
    get | getnext | bulkget | walk | bulkwalk | set)
      if compset -P '(#b)([^:]##)::'; then
        module=${IPREFIX%::}
        compadd -- ${${(M)${(f)"$(_call_program objects "${(q)words[1]}" mib show "${(q)module}" 2>/dev/null)"}:#(scalar|column|table|row|node) *}[@]/(#b)[a-z]## ([^ ]##)*/$match[1]}
      elif [[ -n $PREFIX ]]; then
        compadd -S :: -- ${${(f)"$(_call_program modules "${(q)words[1]}" mib list 2>/dev/null)"}%% *}
      fi ;;
  esac
}

_moonpoll "$@"
