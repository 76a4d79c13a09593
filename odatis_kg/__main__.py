"""`python -m odatis_kg` is the same as the command `odatis-kg`."""

from odatis_kg.cli import main

main()
