"""`python -m heatmark` is `heatmark`."""

from heatmark.cli import main

if __name__ == "__main__":
    main()
