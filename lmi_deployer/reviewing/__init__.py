"""What a review of a pull request says, and where: plain data and texts, for any CI.

`pull_request` is what the CI says of itself, `step` what a step of GitHub Actions hands on,
`comment` the one comment that is kept up to date, `base` what the head is compared with.
"""
