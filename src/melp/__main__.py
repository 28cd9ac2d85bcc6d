"""`python -m melp`."""

from melp.cli import main

if __name__ == "__main__":
    main()
