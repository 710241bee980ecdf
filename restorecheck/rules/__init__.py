"""The rules of `doctor` and `audit`. Pure: facts in, findings out, and their faces.

`catalogue` has the rules, `facts` what adapters gather, `machine`, `readiness`, `exposure` and
`terraform` judge, `text`, `sarif` and `junit` show.
"""
