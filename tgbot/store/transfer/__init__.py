"""The files of the store in and out: backup, import, export."""
