#!/bin/sh
# A pull request on this machine, in a new folder: a repository, a branch, a change, its review.
# docs/reviewing.md shows what it prints. Needs git and lmi-deploy, no network and no account.
set -eu

say() {
	printf '$ %s\n' "$*"
	"$@"
}

# Only so that every run prints the same commits.
export GIT_AUTHOR_NAME=dev GIT_AUTHOR_EMAIL=dev@example.com GIT_AUTHOR_DATE=2026-01-05T09:00:00Z
export GIT_COMMITTER_NAME=dev GIT_COMMITTER_EMAIL=dev@example.com GIT_COMMITTER_DATE=2026-01-05T09:00:00Z

git init --quiet --initial-branch=main models
cd models
mkdir profiles
cat > profiles/chat.yaml <<'YAML'
apiVersion: lmi-deploy/v1
kind: ModelProfile
name: chat
model: {id: TheBloke/Llama-2-13B-fp16}
container: {version: "0.25.0"}
traffic: {max_input_len: 1024, max_output_len: 512}
profiles:
  large:
    instance_type: ml.g5.12xlarge
    backend: trtllm
    max_rolling_batch_size: 16
  small:
    instance_type: ml.g5.12xlarge
    backend: lmi-dist
  test:
    instance_type: ml.g5.12xlarge
    backend: lmi-dist
    endpoint: {name: chat-test}
YAML
git add profiles
git commit --quiet --message 'Serve Llama 2 13B'

git switch --quiet --create more-requests
sed 's/: 16/: 32/; s/  small:/  small: # four GPUs/; /  test:/,$ s/12xlarge/24xlarge/' profiles/chat.yaml > changed
mv changed profiles/chat.yaml
say git diff --unified=0 --no-color
git commit --quiet --all --message 'Answer more requests'

say lmi-deploy diff
say lmi-deploy review --base main --dry-run
