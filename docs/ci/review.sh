#!/bin/sh
# Any CI: validates the changed profiles of a branch and compares them with where it left BASE.
#   sh review.sh [BASE]
# Leaves profile-diff.md and profile-diff.html for whoever shows them; ends with 2 for profiles that
# are wrong, and with 4 where a change costs as much as FAIL_ON or more. Needs lmi-deploy, git and
# the history back to the merge base, and nothing of a cloud.
set -eu
base=${1:-origin/main} status=0
lmi-deploy diff "git:$base" || status=$?
lmi-deploy diff "git:$base" -o html --out profile-diff.html || status=$?
lmi-deploy review --base "$base" --fail-on "${FAIL_ON:-replace-endpoint}" --dry-run \
	> profile-diff.md || status=$?
exit "$status"
