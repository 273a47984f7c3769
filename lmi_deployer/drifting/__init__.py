"""Says where what is live is not what the profiles say, and why.

`reading` looks at an account, `classification` judges what was seen and is pure, `report` tells it.
"""
