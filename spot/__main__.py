"""`python -m spot`: the same command as the installed `spot`."""

from spot.commands import main

if __name__ == "__main__":
    main(prog_name="spot")
