"""The rules by which the operators of a network are simplified, one file for each kind of rule."""
