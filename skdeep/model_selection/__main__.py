"""`python -m skdeep.model_selection`: take part in a study from a shell."""

from skdeep.model_selection._command import main

if __name__ == "__main__":
    main()
