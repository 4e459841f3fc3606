"""The commands of `warbler`, one file each."""
