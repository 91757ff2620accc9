"""The commands: they compose what the layers below do, talk to the terminal, and set exit codes."""
