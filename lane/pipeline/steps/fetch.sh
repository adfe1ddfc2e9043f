#!/bin/sh
# Brings the commit and the live catalog to this run's folder. The history of the
# source is kept between runs, so that only what is new is fetched.
set -eu
say() { echo "prepare-source: $*"; }
refuse() { echo "prepare-source: $1" >&2; echo "hint: $2" >&2; exit 4; }

case $COMMIT in *[!0-9a-f]*) refuse "$COMMIT is not a full commit id (rule E1)" "lane release gives the full id" ;; esac
[ ${#COMMIT} -eq 40 ] || refuse "$COMMIT is not a full commit id (rule E1)" "lane release gives the full id"

# The history is shared by all runs, each with refs of its own, so that two may
# fetch at the same time.
history=/lane/cache/source.git
in_history() { git --git-dir="$history" "$@"; }
[ -d "$history" ] || git init -q --bare "$history"

# The last runs are kept to look at; older ones go.
cd /lane/runs
ls -1t | tail -n +9 | while read -r old; do
	[ "$old" = "$RUN" ] && continue
	rm -rf "./$old"
	in_history update-ref -d "refs/runs/$old/source"
	in_history update-ref -d "refs/runs/$old/gitops"
done

mkdir -p /lane/cache/lane
source=refs/runs/$RUN/source gitops=refs/runs/$RUN/gitops
in_history -c gc.autoDetach=false fetch -q --no-tags --no-write-fetch-head "$REPOSITORY" \
	"+refs/heads/$SOURCE:$source" "+refs/heads/$GITOPS:$gitops"
say "$SOURCE is at $(in_history rev-parse "$source")"

in_history cat-file -e "$COMMIT^{commit}" 2>/dev/null && in_history merge-base --is-ancestor "$COMMIT" "$source" ||
	refuse "$COMMIT is not on $SOURCE (rule E1)" "push the commit to $SOURCE first"

in_history show "$gitops:$CATALOG" >/lane/run/previous.json ||
	refuse "$GITOPS has no $CATALOG (rule C5)" "lane init makes the first catalog"
say "the live catalog is of $GITOPS at $(in_history rev-parse "$gitops")"

rm -rf /lane/run/source
git clone -q --shared --no-checkout --origin history "$history" /lane/run/source
cd /lane/run/source
git update-ref "refs/remotes/origin/$SOURCE" "$(in_history rev-parse "$source")"
# Who goes back, or replaces pods, does so with the lane of today: the older commit need
# not know how.
# Nothing is built from what is checked out then, but lane itself.
tree=$COMMIT
[ -z "$ROLLBACK$RESTART" ] || tree=$(in_history rev-parse "$source")
git -c advice.detachedHead=false checkout -q --detach "$tree"
say "checked out $tree"

# Go keeps a test's result for files of the same size and time, so the time of a
# file is made of its content: a test whose files are as they were is not run again.
# No process for each of them: they are many.
stamp() { rest=${1#???????}; touch -c -d "@$((0x${1%"$rest"}))" "$2"; }
git -c core.quotePath=false ls-tree -r -t "$tree" | while read -r _ _ id path; do stamp "$id" "$path"; done
stamp "$(git rev-parse "$tree^{tree}")" .
printf %s "$COMMIT" >"$RESULT"
