"""`python -m app`: thin, because isolated processes import the main module again."""

if __name__ == "__main__":
    from app.cli import main

    raise SystemExit(main())
