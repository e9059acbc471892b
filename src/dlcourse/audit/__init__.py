"""How strong the suites are: solutions, stubs, mistakes, variants, mutants, trivial programs."""
