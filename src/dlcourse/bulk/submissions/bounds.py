"""How much of a submission is looked at: each bound with its reason."""

from __future__ import annotations

from typing import Final

# What an archive may unpack to, and the most that is held in memory of one: source code of all
# days is under a mebibyte, so this leaves room for figures and notes, and none for data sets.
MAX_ARCHIVE: Final = 64 << 20

# A student's archive: a repository of the course with everything in it has under a thousand files.
MAX_ENTRIES: Final = 10_000

# The archive of a whole class, and the students of one: a thousand students with two hundred files.
MAX_CLASS_ENTRIES: Final = 200_000

# An archive's directory: longer names than this on average are no names of source files.
MAX_DIRECTORY_ENTRY: Final = 1 << 10

# A student's folder: what is left out (`.git`, `.venv`) does not count.
MAX_LOOKED_AT: Final = 20_000
MAX_DEPTH: Final = 12

# An archive's entries may lie deeper, but each folder above each costs a comparison.
MAX_ENTRY_DEPTH: Final = 32

# What Linux allows for a name and for a path, in bytes.
MAX_NAME: Final = 255
MAX_PATH: Final = 4096

# An archive in an archive happens when a folder of archives is compressed; one more does not.
MAX_NESTED: Final = 2
MAX_ARCHIVES: Final = 16

# Gradescope's metadata repeat what the autograder said of each submission; nodes take memory that
# their text does not show.
MAX_METADATA: Final = 16 << 20
MAX_METADATA_NODES: Final = 1_000_000
MAX_METADATA_DEPTH: Final = 64

# Of a git repository only one reference and one commit are read; packed references grow with tags.
MAX_GIT_OBJECT: Final = 1 << 20
MAX_PACK_INDEX: Final = 64 << 20
MAX_PACKS: Final = 64

MAX_ROSTER: Final = 16 << 20
