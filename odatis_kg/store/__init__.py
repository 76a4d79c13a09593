"""Store: immutable releases, and the engines that answer SPARQL from them."""
