"""What ``offhook doctor`` looks at: each check takes what it judges and returns a finding.

Nothing here imports the models or the compiled core at the top: the doctor must be able
to say that they are missing.
"""
