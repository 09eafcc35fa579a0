"""What every command stands on: environment, Ray, output files, tables, progress, errors. Decides no result."""
