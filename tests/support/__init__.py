"""What tests stand up, a folder each by what it is; fixtures are imported by name where they are asked for."""
