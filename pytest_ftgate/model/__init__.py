"""The ground: frozen values that every stage shares. Standard library only, no I/O."""
