#!/bin/sh
# Brings the commit and the live catalog to this run's folder. The history of the
# source is kept between runs, so that only what is new is fetched.
set -eu
say() { echo "prepare-source: $*"; }
refuse() { echo "prepare-source: $1" >&2; echo "hint: $2" >&2; exit 4; }

case $COMMIT in *[!0-9a-f]*) refuse "$COMMIT is not a full commit id (rule E1)" "lane release gives the full id" ;; esac
[ ${#COMMIT} -eq 40 ] || refuse "$COMMIT is not a full commit id (rule E1)" "lane release gives the full id"

# The last runs are kept to look at; older folders go.
cd /workspace/runs
ls -1t | tail -n +9 | while read -r old; do [ "$old" = "$RUN" ] || rm -rf "./$old"; done

mkdir -p /workspace/cache/lane
history=/workspace/cache/source.git
(
	flock 9 # runs of two commits may fetch at the same time
	[ -d "$history" ] || git init -q --bare "$history"
	git --git-dir="$history" -c gc.auto=0 fetch -q --no-tags "$REPOSITORY" \
		"+refs/heads/$SOURCE:refs/heads/$SOURCE" "+refs/heads/$GITOPS:refs/heads/$GITOPS"
) 9>/workspace/cache/source.lock
say "$SOURCE is at $(git --git-dir="$history" rev-parse "refs/heads/$SOURCE")"

git --git-dir="$history" cat-file -e "$COMMIT^{commit}" 2>/dev/null &&
	git --git-dir="$history" merge-base --is-ancestor "$COMMIT" "refs/heads/$SOURCE" ||
	refuse "$COMMIT is not on $SOURCE (rule E1)" "push the commit to $SOURCE first"

git --git-dir="$history" show "refs/heads/$GITOPS:$CATALOG" >/workspace/run/previous.json ||
	refuse "$GITOPS has no $CATALOG (rule C5)" "lane init makes the first catalog"
say "the live catalog is of $GITOPS at $(git --git-dir="$history" rev-parse "refs/heads/$GITOPS")"

rm -rf /workspace/run/source
git clone -q --shared --no-checkout --origin history "$history" /workspace/run/source
cd /workspace/run/source
git update-ref "refs/remotes/origin/$SOURCE" "$(git --git-dir="$history" rev-parse "refs/heads/$SOURCE")"
git -c advice.detachedHead=false checkout -q --detach "$COMMIT"
say "checked out $COMMIT"
printf %s "$COMMIT" >"$RESULT"
