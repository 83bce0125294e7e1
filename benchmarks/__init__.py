"""Evaluations of the product on other people's notebooks; each module is run by hand, see its docstring."""
