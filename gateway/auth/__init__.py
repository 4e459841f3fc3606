"""Who somebody is: passwords, tokens, login in steps, and limits on trying."""
